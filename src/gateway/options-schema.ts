// The schema of the options: what lavaGateway() takes, and what it says about anything else.
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { isMoneyText } from '../money.ts'
import { providerOptionsSchema } from './configured-provider.ts'
import type { Logger } from './logger.ts'

const callable = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', 'must be a function')
const amount = z
  .string('must be a decimal string of dollars, such as "0.50"')
  .refine((text) => isMoneyText(text) && !text.startsWith('-'), 'must be a decimal string of dollars, such as "0.50"')
const milliseconds = z.number().int().positive().max(2_147_483_647)
const secretKeyWanted = 'must look like aks_live_… or aks_test_… with at least 16 characters after it'
export const secretKeySchema = z.string().regex(/^aks_(live|test)_[\w-]{16,}$/, secretKeyWanted)

const storageMethods = [
  'open', 'close', 'hold', 'settle', 'release', 'renew', 'credit', 'balance', 'meterTotal', 'expired', 'request', 'requests',
  'usage', 'document', 'putDocument', 'documents', 'deleteDocument',
] as const // prettier-ignore
const storage = z.custom<StorageAdapter>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    storageMethods.every((name) => typeof Reflect.get(value, name) === 'function'),
  `must be a storage adapter (${storageMethods.join(', ')})`,
)

export const optionsSchema = z.strictObject({
  storage,
  secretKey: z
    .union([secretKeySchema.transform((key) => [key]), z.array(secretKeySchema).min(1)], secretKeyWanted)
    .optional(),
  unsignedTokens: z.enum(['accept', 'refuse']).optional(),
  providers: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a provider key has letters, digits, _ and -'),
      providerOptionsSchema,
    )
    .optional(),
  customer: callable.optional(),
  meter: z.union([z.string(), callable], 'must be a meter slug or a function that returns one').optional(),
  meters: z.array(z.unknown()).optional(),
  prices: z.unknown().optional(),
  guard: z
    .strictObject({
      mode: z.enum(['estimate', 'balance']).optional(),
      shadow: z.boolean().optional(),
      overdraft: amount.optional(),
      flatHold: amount.optional(),
    })
    .optional(),
  onUnknownPrice: z.enum(['refuse', 'allow']).optional(),
  onClientAbort: z.enum(['drain', 'cancel']).optional(),
  drainMs: milliseconds.optional(),
  onLostRequest: z.enum(['release', 'charge']).optional(),
  onStorageError: z.enum(['refuse', 'allow']).optional(),
  storageTimeoutMs: milliseconds.optional(),
  journalPath: z.union([z.string().min(1), z.literal(false)], 'must be the path of a file, or false').optional(),
  closeTimeoutMs: milliseconds.optional(),
  holdTtlMs: milliseconds.min(100).optional(),
  inspectBytesMax: z.number().int().nonnegative().optional(),
  providerTimeoutMs: milliseconds.optional(),
  topUpUrl: z.url().optional(),
  onRecord: callable.optional(),
  logger: z
    .custom<Logger>(
      (value) => typeof value === 'object' && value !== null && 'info' in value && 'warn' in value && 'error' in value,
      'must have info, warn and error',
    )
    .optional(),
  clock: callable.optional(),
  ids: callable.optional(),
})
