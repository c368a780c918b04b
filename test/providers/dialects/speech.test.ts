// Speech in both directions: texts that are spoken, and recordings that are written down.
import { describe, expect, test } from 'vitest'
import { events, readAnswer } from './read-answer.ts'

const sound = Buffer.from('ID3 not text, and not JSON')

describe('a text that is spoken', () => {
  test('is billed by its characters, which no answer tells', async () => {
    const texts = [
      ['https://api.openai.com/v1/audio/speech', { model: 'tts-1', input: 'Grüße 👋' }],
      ['https://api.cartesia.ai/tts/bytes', { model_id: 'sonic-3', transcript: 'Grüße 👋' }],
      ['https://api.lmnt.com/v1/ai/speech/bytes', { model: 'blizzard', text: 'Grüße 👋' }],
      ['https://api.x.ai/v1/tts', { voice_id: 'eve', text: 'Grüße 👋' }],
      ['https://api.hume.ai/v0/tts/file', { utterances: [{ text: 'Grüße' }, { text: ' 👋' }] }],
      ['https://api.elevenlabs.io/v1/text-to-dialogue/stream', { inputs: [{ text: 'Grüße' }, { text: ' 👋' }] }],
    ] as const
    for (const [url, body] of texts)
      expect(await readAnswer({ url, body, answer: sound })).toMatchObject({
        billable: true,
        estimated: false,
        complete: true,
        input_characters: 7,
        characters: 7,
      })
  })

  test('is billed by what Deepgram counted, whatever the request says', async () => {
    const exchange = {
      url: 'https://api.deepgram.com/v1/speak?model=aura-2-thalia-en',
      body: { text: 'Hello.' },
      headers: { 'content-type': 'audio/mpeg', 'dg-char-count': '9' },
      answer: sound,
    }
    expect(await readAnswer(exchange)).toMatchObject({ input_characters: 9, model: 'aura-2-thalia-en' })
  })

  test('is billed by the request where Deepgram answers later, to a callback', async () => {
    const url = 'https://api.deepgram.com/v1/speak?model=aura-2-thalia-en&callback=https%3A%2F%2Fexample.com'
    const answer = { request_id: 'dg-1' }
    expect(await readAnswer({ url, body: { text: 'Hello.' }, answer })).toMatchObject({
      billable: true,
      estimated: false,
      input_characters: 6,
    })
  })

  test('carries ElevenLabs’ credits, also when the sound comes as JSON with timestamps', async () => {
    const exchange = {
      url: 'https://api.elevenlabs.io/v1/text-to-speech/voice/stream/with-timestamps',
      body: { text: 'Hello', model_id: 'eleven_flash_v2_5' },
      headers: { 'content-type': 'application/json', 'character-cost': '3' },
    }
    const piece = { audio_base64: 'SUQz', alignment: { characters: ['H'], character_start_times_seconds: [0] } }
    for (const answer of [piece, `${JSON.stringify(piece)}\n\n${JSON.stringify(piece)}\n`])
      expect(await readAnswer({ ...exchange, answer })).toMatchObject({
        input_characters: 5,
        credits: 3,
        complete: true,
      })
  })

  test('is billed whole although its listener left', async () => {
    const exchange = { url: 'https://api.cartesia.ai/tts/bytes', body: { transcript: 'Hello' }, answer: sound }
    expect(await readAnswer({ ...exchange, broken: true })).toMatchObject({
      billable: true,
      complete: false,
      input_characters: 5,
    })
  })

  test('is not billed when a stream says an error in a 200', async () => {
    // docs.cartesia.ai, "API errors": from Cartesia-Version 2026-03-01 flat, before that in `error`.
    const flat = { type: 'error', done: true, status_code: 429, title: 'Too many requests', message: 'Slow down.' }
    const named = { status_code: 500, done: true, error: 'Slow down.' }
    for (const failed of [flat, named]) {
      const exchange = { url: 'https://api.cartesia.ai/tts/sse', body: { transcript: 'Hello' }, answer: events(failed) }
      expect(await readAnswer(exchange)).toMatchObject({ billable: false, error: true, reason: 'Slow down.' })
    }
    const said = events({ type: 'chunk', data: 'AAAA', done: false }, { type: 'done', done: true, status_code: 200 })
    const exchange = { url: 'https://api.cartesia.ai/tts/sse', body: { transcript: 'Hello' }, answer: said }
    expect(await readAnswer(exchange)).toMatchObject({ billable: true, error: false, input_characters: 5 })
  })

  test('is billed by Mistral’s characters, which its JSON and its stream do not tell', async () => {
    // docs.mistral.ai, "Generate speech": {"audio_data":"<base64>"}
    const exchange = {
      url: 'https://api.mistral.ai/v1/audio/speech',
      body: { model: 'voxtral-mini-tts-2603', input: 'Hi there!', voice_id: 'gb_jane_neutral' },
    }
    const streamed = events({ type: 'speech.audio.delta', audio_data: 'AAAA' }, { type: 'speech.audio.done' })
    for (const answer of [{ audio_data: 'UklGRg==' }, streamed])
      expect(await readAnswer({ ...exchange, answer })).toMatchObject({ billable: true, input_characters: 9 })
  })
})

describe('gpt-4o-mini-tts', () => {
  const url = 'https://api.openai.com/v1/audio/speech'
  const body = { model: 'gpt-4o-mini-tts', input: 'x'.repeat(150) }
  const usage = { input_tokens: 14, output_tokens: 101, total_tokens: 115 }
  const delta = { type: 'speech.audio.delta', audio: 'AAAA' }
  const done = { type: 'speech.audio.done', usage }

  test('is billed by the tokens that its events tell, whether or not the request was read', async () => {
    const told = { estimated: false, input_tokens: 14, output_tokens: 101, output_audio_tokens: 101 }
    const answer = events(delta, delta, done)
    expect(await readAnswer({ url, body: { ...body, stream_format: 'sse' }, answer })).toMatchObject(told)
    expect(await readAnswer({ url, answer })).toMatchObject(told)
  })

  test('is estimated by the length of the text where it answers with bare sound', async () => {
    // Ten seconds at 1,250 tokens a minute.
    const assumed = { output_tokens: 209, output_audio_tokens: 209 }
    const reading = await readAnswer({ url, body, answer: sound })
    expect(reading).toMatchObject({ billable: true, estimated: true, input_characters: 150, assumed })
    expect(reading.assumed.input_tokens).toBeGreaterThan(0)
  })

  test('is estimated when the stream stops before its end', async () => {
    expect(await readAnswer({ url, body, answer: events(delta), broken: true })).toMatchObject({
      estimated: true,
      complete: false,
      assumed: { output_tokens: 209 },
    })
  })
})

describe('a recording that is written down', () => {
  const openai = 'https://api.openai.com/v1/audio/transcriptions'
  const tokens = {
    type: 'tokens',
    input_tokens: 30,
    input_token_details: { text_tokens: 2, audio_tokens: 28 },
    output_tokens: 5,
    total_tokens: 35,
  }

  test('is billed by tokens, in a body, in a stream, and with speakers told apart', async () => {
    const told = { estimated: false, input_tokens: 30, input_audio_tokens: 28, output_tokens: 5 }
    const body = { model: 'gpt-4o-transcribe' }
    expect(await readAnswer({ url: openai, body, answer: { text: 'Hi', usage: tokens } })).toMatchObject(told)
    const stream = events({ type: 'transcript.text.delta', delta: 'Hi' }, { type: 'transcript.text.done', text: 'Hi', usage: tokens }) // prettier-ignore
    expect(await readAnswer({ url: openai, body, answer: stream })).toMatchObject(told)
    // developers.openai.com, "Speech to text": diarized_json, and its segment events.
    const segment = { type: 'transcript.text.segment', id: 'seg_1', start: 0, end: 1.5, speaker: 'A', text: 'Hi' }
    const diarized = { task: 'transcribe', duration: 1.5, text: 'Hi', segments: [segment], usage: tokens }
    const model = { model: 'gpt-4o-transcribe-diarize' }
    expect(await readAnswer({ url: openai, body: model, answer: diarized })).toMatchObject({
      ...told,
      input_seconds: 1.5,
    })
    const segments = events(segment, { type: 'transcript.text.done', text: 'Hi', usage: tokens })
    expect(await readAnswer({ url: openai, body: model, answer: segments })).toMatchObject(told)
  })

  test('is billed by seconds: those that were billed before those that it lasted', async () => {
    const body = { model: 'whisper-1' }
    const verbose = { task: 'transcribe', language: 'english', duration: 8.47, text: 'Hi', segments: [] }
    expect(await readAnswer({ url: openai, body, answer: verbose })).toMatchObject({ input_seconds: 8.47 })
    const usage = { type: 'duration', seconds: 9 }
    expect(await readAnswer({ url: openai, body, answer: { ...verbose, usage } })).toMatchObject({
      estimated: false,
      input_seconds: 9,
      seconds: 9,
    })
    expect(await readAnswer({ url: 'https://api.x.ai/v1/stt', answer: { text: 'Hi', duration: 2.5, words: [] } })).toMatchObject({ input_seconds: 2.5 }) // prettier-ignore
    expect(await readAnswer({ url: 'https://api.cartesia.ai/stt', answer: { type: 'transcript', text: 'Hi', duration: 2.5 } })).toMatchObject({ input_seconds: 2.5 }) // prettier-ignore
  })

  test('is estimated by the upload where the format has no place for usage', async () => {
    const text = 'Hello there.\n'
    const srt = '1\n00:00:00,000 --> 00:00:02,000\nHello there.\n\n'
    const vtt = 'WEBVTT\n\n00:00.000 --> 00:02.000\nHello there.\n'
    // The upload's bytes are all that is known of its length.
    const upload = 'x'.repeat(160_000)
    for (const answer of [text, srt, vtt])
      expect(await readAnswer({ url: openai, body: upload, answer })).toMatchObject({
        billable: true,
        estimated: true,
        assumed: { input_seconds: 10 },
      })
  })

  test('is billed by Mistral’s tokens and seconds, in a body and in a stream', async () => {
    const url = 'https://api.mistral.ai/v1/audio/transcriptions'
    const usage = { prompt_audio_seconds: 203, prompt_tokens: 4, total_tokens: 3264, completion_tokens: 635 }
    const told = {
      estimated: false,
      input_seconds: 203,
      input_tokens: 4,
      output_tokens: 635,
      model: 'voxtral-mini-2507',
    }
    const whole = { model: 'voxtral-mini-2507', text: 'Hi', language: 'en', segments: [], usage }
    expect(await readAnswer({ url, answer: whole })).toMatchObject(told)
    const stream = events({ type: 'transcription.text.delta', text: 'Hi' }, { type: 'transcription.done', ...whole })
    expect(await readAnswer({ url, answer: stream })).toMatchObject(told)
  })

  test('is billed by Deepgram for each channel that was heard by itself', async () => {
    const url = 'https://api.deepgram.com/v1/listen?model=nova-3&multichannel=true'
    const channel = { alternatives: [{ transcript: 'Hi', words: [{ word: 'hi', start: 0, end: 1 }] }] }
    const about = { request_id: 'dg-1', duration: 30.5, channels: 2, model_info: { m1: { name: 'general-nova-3' } } }
    const answer = { metadata: about, results: { channels: [channel, channel] } }
    expect(await readAnswer({ url, answer })).toMatchObject({
      estimated: false,
      input_seconds: 30.5,
      input_channels: 2,
      model: 'general-nova-3',
      response_id: 'dg-1',
    })
    const one = await readAnswer({ url, answer: { metadata: about, results: { channels: [channel] } } })
    expect(one.input_channels).toBeUndefined()
  })

  test('is estimated where Deepgram answers later, to a callback', async () => {
    const url = 'https://api.deepgram.com/v1/listen?model=nova-3&callback=https%3A%2F%2Fexample.com'
    expect(await readAnswer({ url, body: 'x'.repeat(32_000), answer: { request_id: 'dg-1' } })).toMatchObject({
      billable: true,
      estimated: true,
      assumed: { input_seconds: 2 },
    })
  })

  test('is at least as long as ElevenLabs’ last word where it does not tell its length', async () => {
    const url = 'https://api.elevenlabs.io/v1/speech-to-text'
    const words = [{ text: 'Hello', start: 0.1, end: 0.5, type: 'word' }, { text: 'there.', start: 0.6, end: 5.62 }] // prettier-ignore
    expect(await readAnswer({ url, answer: { text: 'Hello there.', words } })).toMatchObject({
      estimated: true,
      assumed: { input_seconds: 5.62 },
    })
    const told = { text: 'Hello there.', words, audio_duration_secs: 7.1 }
    expect(await readAnswer({ url, headers: { 'character-cost': '8' }, answer: told })).toMatchObject({
      estimated: false,
      input_seconds: 7.1,
      credits: 8,
    })
  })
})
