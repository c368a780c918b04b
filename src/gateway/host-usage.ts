// Host usage: answers that the host reads itself, with the `usage` function of its provider entry.
import { decodeTo, type ByteSink } from '../http/decode.ts'
import { jsonOf } from '../http/body.ts'
import { parseInput } from '../option.ts'
import type { Call } from '../providers/call.ts'
import { openUsageMeter, type AnswerHead, type Reading, type UsageMeter } from '../providers/usage-meter.ts'
import type { Usage } from '../usage.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import type { Logger } from './logger.ts'
import { hostUsageSchema } from './measurement.ts'

/** Why a JSON answer could not be read as the host reads it; null: it could. */
interface HostReading {
  usage: Usage | null
  model: string | null
  problem: string | null
}

export interface MeterInput {
  call: Call
  head: AnswerHead
  provider: ConfiguredProvider | null
  /** A longer JSON body is not kept for the host's function, and estimated. */
  inspectBytesMax: number
  logger: Logger
}

/** The meter of an answer: the host's own where its provider entry has a `usage` function, else that of the endpoint. */
export function openAnswerMeter({ call, head, provider, inspectBytesMax, logger }: MeterInput): UsageMeter {
  const own = openUsageMeter(call, head)
  if (!provider?.usage || head.status >= 300 || call.free) return own
  return new HostMeter(own, { call, head, provider, inspectBytesMax, logger }, provider.usage)
}

class HostMeter implements UsageMeter {
  readonly #own: UsageMeter
  readonly #input: MeterInput
  readonly #usage: NonNullable<ConfiguredProvider['usage']>
  readonly #body: KeptBody
  readonly #sink: ByteSink
  #bytes = 0

  constructor(own: UsageMeter, input: MeterInput, usage: NonNullable<ConfiguredProvider['usage']>) {
    this.#own = own
    this.#input = input
    this.#usage = usage
    this.#body = new KeptBody(input.inspectBytesMax)
    this.#sink = decodeTo(this.#body, input.head.headers['content-encoding'])
  }

  write(chunk: Uint8Array): number {
    this.#bytes += chunk.length
    const quietBytes = this.#own.write(chunk)
    this.#sink.write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    return quietBytes
  }

  async end(complete: boolean): Promise<Reading> {
    const own = await this.#own.end(complete)
    const unpacked = await this.#sink.end()
    const json = unpacked && complete ? this.#body.json() : undefined
    // A stream, or a body that was cut off: what the provider is like may be read, else it is estimated.
    if (json === undefined) return own.billable ? own : this.#estimated(own, 'the answer is no whole JSON body')
    const { usage, model, problem } = await this.#ask(json)
    if (problem !== null) return this.#estimated(own, problem)
    const told = { ...own, unread: false, pending: false, estimated: false, assumed: {}, model: model ?? own.model }
    if (usage === null) return { ...told, billable: false, usage: {}, reason: 'the host’s usage function found nothing to bill' } // prettier-ignore
    return { ...told, billable: true, usage, reason: null }
  }

  async #ask(json: unknown): Promise<HostReading> {
    const { provider, head, logger } = this.#input
    try {
      const told: unknown = await this.#usage(json, head)
      if (told === null || told === undefined) return { usage: null, model: null, problem: null }
      const { model, ...usage } = parseInput(hostUsageSchema, told, 'What it returned')
      const counted = definedFields(usage)
      if (!Object.values(counted).some((value) => typeof value === 'number')) throw new TypeError('It returned no count at all; return null for an answer that is not billed.')
      return { usage: counted, model: model ?? null, problem: null }
    } catch (error) {
      logger.error(`lava-gateway: the usage function of providers.${provider?.key ?? ''} failed; the call is estimated:`, error)
      return { usage: null, model: null, problem: 'the host’s usage function failed' }
    }
  } // prettier-ignore

  /** Never zero: what the request has, and what came back at four bytes a token. */
  #estimated(own: Reading, reason: string): Reading {
    const { input_tokens_estimate, requested } = this.#input.call
    const usage = { input_tokens: input_tokens_estimate, output_tokens: Math.round(this.#bytes / 4), ...requested }
    return { ...own, unread: false, billable: true, estimated: true, usage, assumed: {}, reason }
  }
}

/** The body, up to a bound; beyond it nothing is kept. */
class KeptBody implements ByteSink {
  readonly #bytesMax: number
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  write(bytes: Buffer): void {
    this.#bytes += bytes.length
    if (this.#bytes > this.#bytesMax) this.#chunks = []
    else this.#chunks.push(Buffer.from(bytes))
  }

  end(): Promise<boolean> {
    return Promise.resolve(true)
  }

  json(): unknown {
    return this.#bytes > this.#bytesMax ? undefined : jsonOf(Buffer.concat(this.#chunks))
  }
}

function definedFields(usage: object): Usage {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== undefined))
}
