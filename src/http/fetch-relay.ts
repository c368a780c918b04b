// The relay of a fetched body: every byte to the caller as it comes in, and a look at each on the way.
import type { CallerWatch } from './caller-watch.ts'
import type { EventFilter } from './event-filter.ts'

export interface FetchRelayOptions {
  caller: CallerWatch
  /** Sees each chunk as it came, before any filter; must not throw. */
  tap: (chunk: Uint8Array) => void
  /** Takes events out on the way to the caller. Null: every byte passes. */
  filter: EventFilter | null
}

export interface FetchRelay {
  body: ReadableStream<Uint8Array<ArrayBuffer>>
  /** Resolves with whether the answer came whole, once the provider's end is known. */
  done: Promise<boolean>
}

/** Read ahead of the caller: an answer up to this is told to its end though nobody reads it. */
const aheadBytesMax = 256 * 1024

/** Relays with back pressure while the caller reads, and at full speed once it left. */
export function relayFetched(source: ReadableStream<Uint8Array>, options: FetchRelayOptions): FetchRelay {
  const { caller, tap, filter } = options
  const reader = source.getReader()
  const { promise: done, resolve } = Promise.withResolvers<boolean>()
  let wake: () => void = () => undefined

  async function waitUntil(met: () => boolean): Promise<void> {
    while (!met() && !caller.gone) await new Promise<void>((resolve) => (wake = resolve))
  }

  async function relay(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): Promise<void> {
    const pass = (bytes: Uint8Array) => {
      if (!caller.gone && bytes.length > 0) controller.enqueue(plain(bytes))
    }
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        tap(read.value)
        if (!caller.gone) pass(filter ? filter.write(Buffer.from(read.value)) : read.value)
        await waitUntil(() => (controller.desiredSize ?? 0) > 0)
      }
    } catch (error) {
      resolve(false)
      if (filter) pass(filter.end())
      // An error throws away what is queued: the caller gets the bytes that came first.
      await waitUntil(() => controller.desiredSize === aheadBytesMax)
      if (!caller.gone) controller.error(error)
      return
    }
    resolve(true)
    if (filter) pass(filter.end())
    if (!caller.gone) controller.close()
  }

  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      start(controller) {
        caller.onGone(({ byAbort, reason }) => {
          if (byAbort) controller.error(reason)
          wake()
        })
        void relay(controller)
      },
      pull: () => wake(),
      cancel: () => caller.leave(),
    },
    { highWaterMark: aheadBytesMax, size: (chunk) => chunk.byteLength },
  )
  return { body, done }
}

/** A caller of fetch expects no Buffer, whose `slice` is another one. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes)
}
