// The call's body: read for what it asks where it is small, and as it passes where it is a large form.
import type { IncomingMessage } from 'node:http'
import { askedIn, readRequestBody, type RequestBody } from '../http/body.ts'
import { readPassingForm } from '../http/form-fields.ts'
import { describeCall, type Call, type CallAddress } from '../providers/call.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

export class CallBody {
  readonly body: RequestBody
  /** The JSON value, or a form's text fields; undefined where it is neither, or was not read. */
  readonly asked: unknown
  readonly call: Call
  readonly #describeSent: (() => Call) | null

  constructor(body: RequestBody, asked: unknown, call: Call, describeSent: (() => Call) | null) {
    this.body = body
    this.asked = asked
    this.call = call
    this.#describeSent = describeSent
  }

  /** The call as it is known once the body has been sent: a large form's model and size are. */
  asSent(): Call {
    return this.#describeSent ? this.#describeSent() : this.call
  }
}

interface CallBodyInput {
  address: CallAddress
  provider: Pick<ConfiguredProvider, 'usage'>
  inspectBytesMax: number
}

/** @throws GatewayError `invalid_request` when a parser in front consumed a body that can't be restored. */
export async function readCallBody(req: IncomingMessage, input: CallBodyInput): Promise<CallBody> {
  const { address, provider, inspectBytesMax } = input
  const contentType = req.headers['content-type']
  const hostReads = provider.usage !== null
  const read = await readRequestBody(req, inspectBytesMax)
  const asking = askedIn(read, contentType)
  const asked: unknown = asking instanceof Promise ? await asking : asking
  const call = describeCall({ address, body: asked, bodyBytes: bytesOf(read), hostReads })
  const form = read.kind === 'stream' ? readPassingForm(read.source, contentType) : null
  if (!form || read.kind !== 'stream') return new CallBody(read, asked, call, null)
  const describeSent = () =>
    describeCall({ address, body: form.reader.fields ?? undefined, bodyBytes: form.bytes(), hostReads })
  return new CallBody({ ...read, source: form.source }, asked, call, describeSent)
}

function bytesOf(body: RequestBody): number {
  if (body.kind === 'bytes') return body.bytes.length
  return body.kind === 'stream' ? (body.bytesExpected ?? 0) : 0
}
