// The loads of the benchmark: what is asked, how large, and how much of it at once.
import type { LoadOrder } from './load-order.ts'

export interface Load extends Pick<LoadOrder, 'answer' | 'requestBytes' | 'inFlight'> {
  name: string
  /** What the CPU is counted for: a thousand requests, or a thousand events. */
  eventsPerRequest: number | null
  /** Begun all at once and waited for, whatever `--seconds` says; each stays open for so long. */
  burst?: { openMs: number }
}

const json = (bytes: number, inFlight: number, afterMs = 0): Load => ({
  name: `json ${bytes / 1000} KB, ${inFlight} in flight${afterMs > 0 ? `, answered after ${afterMs} ms` : ''}`,
  answer: { kind: 'json', bytes, afterMs },
  requestBytes: bytes,
  inFlight,
  eventsPerRequest: null,
})

const events = (count: number, inFlight: number): Load => ({
  name: `${count} events, ${inFlight} in flight`,
  answer: { kind: 'events', count, gapMs: 0 },
  requestBytes: 1000,
  inFlight,
  eventsPerRequest: count,
})

export const loads: Readonly<Record<string, Load>> = {
  'json-1k-1': json(1000, 1),
  // As soon as a provider really answers, at the earliest.
  'json-1k-1-20ms': json(1000, 1, 20),
  'json-1k-16': json(1000, 16),
  'json-1k-64': json(1000, 64),
  'json-1k-256': json(1000, 256),
  'json-100k-16': json(100_000, 16),
  'events-50-1': events(50, 1),
  'events-50-16': events(50, 16),
  'events-1000-16': events(1000, 16),
  'slow-1000': {
    name: '1,000 slow streams at once (20 events, one in 250 ms)',
    answer: { kind: 'events', count: 20, gapMs: 250 },
    requestBytes: 1000,
    inFlight: 1000,
    eventsPerRequest: 20,
    burst: { openMs: 5000 },
  },
}
