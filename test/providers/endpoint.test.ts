import { describe, expect, test } from 'vitest'
import { endpointOf, modelOfPath } from '../../src/providers/endpoint.ts'
import type { ProviderFamily } from '../../src/providers/provider.ts'

function endpoint(method: string, path: string, family: ProviderFamily | null = null) {
  return endpointOf(method, new URL(path, 'https://api.example'), family)
}

describe('anybody’s path', () => {
  test.each([
    ['POST', '/v1/chat/completions', 'openai-chat'],
    ['POST', '/v1/chat/completions/', 'openai-chat'],
    ['POST', '/openai/deployments/mine/chat/completions', 'openai-chat'],
    ['POST', '/v1/completions', 'openai-chat'],
    ['POST', '/v1/responses', 'openai-responses'],
    ['POST', '/v1/responses/compact', 'openai-responses'],
    ['GET', '/v1/responses/resp_1', 'openai-responses'],
    ['POST', '/v1/messages', 'anthropic'],
    ['GET', '/v1/messages/batches/msgbatch_1/results', 'anthropic-batch'],
    ['POST', '/v1/projects/p/publishers/anthropic/models/claude:streamRawPredict', 'anthropic'],
    ['POST', '/v1beta/models/gemini-3:generateContent', 'gemini'],
    ['POST', '/v1beta/models/gemini-3:streamGenerateContent', 'gemini'],
    ['POST', '/v1beta/models/gemini-embedding-2:batchEmbedContents', 'gemini-embeddings'],
    ['POST', '/v1/projects/p/publishers/google/models/imagen-4:predict', 'google-predict'],
    ['POST', '/v1beta/models/veo-3:predictLongRunning', 'google-operation'],
    ['POST', '/v1/embeddings', 'embeddings'],
    ['POST', '/v1/multimodalembeddings', 'embeddings'],
    ['POST', '/v1/rerank', 'embeddings'],
    ['POST', '/v1/images/edits', 'openai-images'],
    ['POST', '/v1/audio/speech', 'speech'],
    ['POST', '/v1/audio/translations', 'transcriptions'],
    ['POST', '/v1/threads/runs', 'openai-runs'],
    ['GET', '/v1/threads/t/runs/r', 'openai-runs'],
    ['POST', '/v1/threads/t/runs/r/submit_tool_outputs', 'openai-runs'],
    ['POST', '/model/us.amazon.nova-micro-v1%3A0/converse-stream', 'bedrock-converse'],
    ['POST', '/bedrock/model/m/invoke-with-response-stream', 'bedrock-invoke'],
    ['POST', '/api/chat', null],
    ['POST', '/v1/vector_stores/v/search', null],
    ['GET', '/v1/responses/resp_1/input_items', null],
    ['GET', '/v1/threads/t/runs/r/steps', null],
  ])('%s %s is read as %s', (method, path, dialect) => {
    expect(endpoint(method, path)).toBe(dialect)
  })

  test.each([
    ['POST', '/v1/messages/count_tokens'],
    ['POST', '/v1beta/models/gemini-3:countTokens'],
    ['POST', '/model/m/count-tokens'],
    ['POST', '/v1/responses/input_tokens'],
    ['POST', '/v1/tokenize'],
    ['POST', '/v1/moderations'],
    ['POST', '/v1/files'],
    ['POST', '/v1/uploads/u/parts'],
    ['POST', '/v1/vector_stores'],
    ['POST', '/v1/messages/batches'],
    ['GET', '/v1/messages/batches/msgbatch_1'],
    ['GET', '/v1/models'],
    ['GET', '/v1/models/owner/name'],
    ['GET', '/v1/videos'],
    ['GET', '/v1/videos/video_1/content'],
    ['GET', '/v1/chat/completions/chatcmpl-1'],
    ['DELETE', '/v1/responses/resp_1'],
    ['OPTIONS', '/v1/chat/completions'],
  ])('%s %s is free', (method, path) => {
    expect(endpoint(method, path)).toBe('free')
  })
})

describe('the path of one provider', () => {
  test.each([
    ['cohere', 'POST', '/v2/chat', 'cohere'],
    ['cohere', 'POST', '/v2/rerank', 'cohere'],
    ['cohere', 'POST', '/v2/audio/transcriptions', 'transcriptions'],
    ['ollama', 'POST', '/api/chat', 'ollama'],
    ['ollama', 'POST', '/v1/chat/completions', 'openai-chat'],
    ['openai', 'POST', '/v1/chat', 'openai-chat'],
    ['openai', 'GET', '/v1/batches/batch_1', 'openai-batch'],
    ['openai', 'GET', '/v1/videos/video_1', 'video'],
    ['openai', 'POST', '/v1/ocr', 'mistral-ocr'],
    ['google', 'GET', '/v1beta/models/veo-3/operations/o1', 'google-operation'],
    ['google', 'GET', '/v1beta/interactions/i1', 'gemini-interactions'],
    ['anthropic', 'POST', '/v1/complete', 'anthropic-complete'],
    ['alephalpha', 'POST', '/complete', 'aleph-alpha'],
    ['watsonx', 'POST', '/ml/v1/text/generation_stream', 'watsonx'],
    ['watsonx', 'POST', '/ml/v1/text/chat', 'openai-chat'],
    ['elevenlabs', 'POST', '/v1/text-to-speech/voice/stream', 'speech'],
    ['elevenlabs', 'POST', '/v1/speech-to-text', 'elevenlabs-transcription'],
    ['elevenlabs', 'GET', '/v1/voices', 'free'],
    ['openai', 'POST', '/v1/threads/t/messages', 'free'],
    ['openai', 'POST', '/v1/threads/t/runs', 'openai-runs'],
    ['openai', 'GET', '/v1/anything/else', 'free'],
    ['openai', 'POST', '/v1/anything/else', null],
    ['deepgram', 'POST', '/v1/speak', 'speech'],
    ['deepgram', 'POST', '/v1/listen', 'deepgram-listen'],
    ['assemblyai', 'GET', '/v2/transcript/t1', 'assemblyai'],
    ['cartesia', 'POST', '/tts/bytes', 'speech'],
    ['cartesia', 'POST', '/stt', 'transcriptions'],
    ['hume', 'POST', '/v0/tts/stream/json', 'speech'],
    ['lmnt', 'POST', '/v1/ai/speech/bytes', 'speech'],
    ['revai', 'GET', '/speechtotext/v1/jobs/j1', 'revai'],
    ['revai', 'GET', '/speechtotext/v1/jobs/j1/transcript', 'free'],
    ['gladia', 'GET', '/v2/pre-recorded/g1', 'gladia'],
    ['replicate', 'POST', '/v1/models/owner/name/predictions', 'replicate'],
    ['replicate', 'GET', '/v1/models/owner/name', 'free'],
    ['fal', 'POST', '/fal-ai/flux/schnell', 'fal'],
    ['fal', 'GET', '/fal-ai/flux/requests/r1/status', 'free'],
    ['fal', 'GET', '/fal-ai/flux/requests/r1', 'fal'],
    ['black-forest-labs', 'GET', '/v1/get_result', 'black-forest-labs'],
    ['luma', 'GET', '/dream-machine/v1/generations/l1', 'luma'],
    ['huggingface', 'POST', '/', 'huggingface'],
  ] as const)('of %s: %s %s is read as %s', (family, method, path, dialect) => {
    expect(endpoint(method, path, family)).toBe(dialect)
  })

  test('is not free at Mistral, where moderations cost money', () => {
    expect(endpointOf('POST', new URL('https://api.mistral.ai/v1/moderations'), 'openai')).toBeNull()
  })
})

test('a path with a stray per cent sign names its model as it stands', () => {
  expect(modelOfPath(new URL('https://x.example/models/100%/generate'))).toBeNull()
  expect(modelOfPath(new URL('https://x.example/model/50%/converse'))).toBe('50%')
})
