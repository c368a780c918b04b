// Transcripts: recordings that are written down in the background, billed once by the second.
import { describe, expect, test } from 'vitest'
import { readAnswer } from './read-answer.ts'

const free = { billable: false, pending: false, unread: false }
const pending = { billable: false, pending: true, error: false }

describe('a transcript', () => {
  const assemblyai = 'https://api.assemblyai.com/v2/transcript'
  const gladia = 'https://api.gladia.io/v2/pre-recorded'
  const revai = 'https://api.rev.ai/speechtotext/v1/jobs'

  test('is pending until it has ended', async () => {
    const states = [
      [assemblyai, 'queued', 'processing'],
      [gladia, 'queued', 'processing'],
      [revai, 'in_progress', 'in_progress'],
    ] as const
    for (const [url, submitted, going] of states) {
      expect(await readAnswer({ url, answer: { id: 't1', status: submitted } })).toMatchObject(pending)
      expect(await readAnswer({ method: 'GET', url: `${url}/t1`, answer: { id: 't1', status: going } })).toMatchObject(
        pending,
      )
    }
    expect(await readAnswer({ url: gladia, status: 201, answer: { id: 't1', result_url: `${gladia}/t1` } })).toMatchObject(pending) // prettier-ignore
  })

  test('is billed once by its seconds, of each channel where the provider counts them', async () => {
    const told = { billable: true, estimated: false, dedupe_id: 't1' }
    const spoken = { id: 't1', status: 'completed', audio_duration: 281, speech_model_used: 'universal-3-pro' }
    expect(await readAnswer({ method: 'GET', url: `${assemblyai}/t1`, answer: spoken })).toMatchObject({ ...told, input_seconds: 281, model: 'universal-3-pro' }) // prettier-ignore
    const metadata = { audio_duration: 30, number_of_distinct_channels: 2, billing_time: 60, transcription_time: 4 }
    const heard = { id: 't1', status: 'done', request_params: { model: 'solaria-1' }, result: { metadata } }
    expect(await readAnswer({ method: 'GET', url: `${gladia}/t1`, answer: heard })).toMatchObject({ ...told, input_seconds: 60, model: 'solaria-1' }) // prettier-ignore
    const job = { id: 't1', status: 'transcribed', duration_seconds: 356.24, transcriber: 'low_cost', type: 'async' }
    expect(await readAnswer({ method: 'GET', url: `${revai}/t1`, answer: job })).toMatchObject({ ...told, input_seconds: 356.24, model: 'low_cost' }) // prettier-ignore
  })

  test('is not billed when it failed', async () => {
    // assemblyai.com/docs, "Billing and Pricing": failed transcripts aren't charged.
    const failed = [
      [assemblyai, { id: 't1', status: 'error', error: 'Download error', audio_duration: 3 }],
      [gladia, { id: 't1', status: 'error', error_code: 500 }],
      [revai, { id: 't1', status: 'failed', failure: 'download_failure', failure_detail: 'No.' }],
    ] as const
    for (const [url, answer] of failed)
      expect(await readAnswer({ method: 'GET', url: `${url}/t1`, answer })).toMatchObject({
        billable: false,
        pending: false,
      })
  })

  test('is free to read, to list, and to delete', async () => {
    for (const path of [
      `${assemblyai}/t1/sentences`,
      `${assemblyai}/t1/srt`,
      assemblyai,
      gladia,
      revai,
      `${revai}/t1/transcript`,
    ])
      // prettier-ignore
      expect(await readAnswer({ method: 'GET', url: path, answer: { id: 't1' } }), path).toMatchObject(free)
    expect(await readAnswer({ method: 'DELETE', url: `${assemblyai}/t1`, answer: { id: 't1' } })).toMatchObject(free)
  })
})
