// Which cases of the corpus the readers are held to.
import { z } from 'zod'

const providers = ['openai', 'anthropic', 'google']
const endpoints = [
  'openai.chat',
  'openai.responses',
  'anthropic.messages',
  'gemini.generateContent',
  'gemini.streamGenerateContent',
]

/** Cases that are wrong themselves, with what the provider's documents say. */
export const leftOut: Readonly<Record<string, string>> = {}

const nameSchema = z.object({ id: z.string(), provider: z.string(), endpoint: z.string() })

/** Whether the readers built so far answer for a case. */
export function isSelected(each: unknown): boolean {
  const { id, provider, endpoint } = nameSchema.parse(each)
  return providers.includes(provider) && endpoints.includes(endpoint) && !Object.hasOwn(leftOut, id)
}
