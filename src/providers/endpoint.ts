// Endpoints: which usage dialect an address answers in, and which addresses are free.
import type { ProviderFamily } from './provider.ts'

/** A way of telling usage. One reader each (readers.ts). */
export type Dialect =
  | 'aleph-alpha'
  | 'anthropic'
  | 'anthropic-batch'
  | 'anthropic-complete'
  | 'assemblyai'
  | 'bedrock-converse'
  | 'bedrock-invoke'
  | 'black-forest-labs'
  | 'cohere'
  | 'deepgram-listen'
  | 'elevenlabs-transcription'
  | 'embeddings'
  | 'fal'
  | 'gemini'
  | 'gemini-embeddings'
  | 'gemini-interactions'
  | 'gladia'
  | 'google-operation'
  | 'google-predict'
  | 'huggingface'
  | 'luma'
  | 'mistral-ocr'
  | 'ollama'
  | 'openai-batch'
  | 'openai-chat'
  | 'openai-images'
  | 'openai-responses'
  | 'openai-runs'
  | 'replicate'
  | 'revai'
  | 'speech'
  | 'transcriptions'
  | 'video'
  | 'watsonx'

interface EndpointRow {
  path: RegExp
  /** Default: any method. */
  method?: 'GET' | 'POST'
  /** Whose path it is, where others have the same. Default: anybody's. */
  family?: ProviderFamily
  is: Dialect | 'free'
}

/** The first row that fits is meant. Paths are matched at their end, so a version or a proxy's prefix does not matter. */
const rows: readonly EndpointRow[] = [
  // Answers that make nothing: counts, lists, states.
  { path: /\/responses\/input_tokens(?:\/count_tokens)?$/, is: 'free' },
  { path: /\/messages\/count_tokens$/, is: 'free' },
  { path: /:countTokens$/, is: 'free' },
  { path: /\/model\/[^/]+\/count-tokens$/, is: 'free' },
  { path: /\/(?:de)?tokenize$/, is: 'free' },
  { path: /\/moderations$/, is: 'free' },
  // What is kept for later calls, which are billed.
  { path: /\/(?:files|uploads)(?:\/[^/]+)*$/, is: 'free' },
  { path: /\/vector_stores(?:\/[^/]+)?(?:\/file_batches(?:\/[^/]+)*)?$/, is: 'free' },
  { path: /\/(?:assistants|threads)(?:\/[^/]+)?(?:\/messages(?:\/[^/]+)?)?$/, family: 'openai', is: 'free' },
  { path: /\/messages\/batches\/[^/]+\/results$/, method: 'GET', is: 'anthropic-batch' },
  { path: /\/messages\/batches(?:\/[^/]+)*$/, is: 'free' },
  { path: /\/(?:files|chat\/completions)(?:\/[^/]+)*$/, method: 'GET', is: 'free' },
  { path: /\/operations\/[^/]+$/, method: 'GET', family: 'google', is: 'google-operation' },
  { path: /\/models(?:\/[^/]+)*(?<!\/predictions)$/, method: 'GET', is: 'free' },
  { path: /\/(?:batches|videos|runs|predictions|trainings|interactions|jobs|generations|transcript|pre-recorded)$/, method: 'GET', is: 'free' },
  { path: /\/videos\/[^/]+\/content$/, method: 'GET', is: 'free' },

  { path: /\/model\/[^/]+\/converse(?:-stream)?$/, method: 'POST', is: 'bedrock-converse' },
  { path: /\/model\/[^/]+\/invoke(?:-with-response-stream)?$/, method: 'POST', is: 'bedrock-invoke' },

  { path: /\/v\d\/(?:chat|generate|embed|rerank|summarize)$/, method: 'POST', family: 'cohere', is: 'cohere' },
  { path: /\/api\/(?:chat|generate|embed|embeddings)$/, method: 'POST', family: 'ollama', is: 'ollama' },
  { path: /\/(?:complete|evaluate|(?:(?:batch_)?semantic_|instructable_)?embed)$/, method: 'POST', family: 'alephalpha', is: 'aleph-alpha' },
  { path: /\/complete$/, method: 'POST', family: 'anthropic', is: 'anthropic-complete' },
  { path: /\/generation(?:_stream)?$/, method: 'POST', family: 'watsonx', is: 'watsonx' },
  { path: /\/generation\/text(?:_stream)?$/, method: 'POST', family: 'watsonx', is: 'watsonx' },
  { path: /\/text\/(?:embeddings|rerank)$/, method: 'POST', family: 'watsonx', is: 'watsonx' },
  { path: /\/text\/tokenization$/, method: 'POST', family: 'watsonx', is: 'free' },
  { path: /\/text\/chat(?:_stream)?$/, method: 'POST', family: 'watsonx', is: 'openai-chat' },

  { path: /\/(?:text-to-speech|text-to-dialogue)\//, method: 'POST', family: 'elevenlabs', is: 'speech' },
  { path: /\/text-to-dialogue$/, method: 'POST', family: 'elevenlabs', is: 'speech' },
  { path: /\/speech-to-text$/, method: 'POST', family: 'elevenlabs', is: 'elevenlabs-transcription' },
  { path: /\/speak$/, method: 'POST', family: 'deepgram', is: 'speech' },
  { path: /\/listen$/, method: 'POST', family: 'deepgram', is: 'deepgram-listen' },
  { path: /\/transcript(?:\/[^/]+)?$/, family: 'assemblyai', is: 'assemblyai' },
  { path: /\/tts\/(?:bytes|sse)$/, method: 'POST', family: 'cartesia', is: 'speech' },
  { path: /\/stt$/, method: 'POST', family: 'cartesia', is: 'transcriptions' },
  { path: /\/tts(?:\/(?:file|stream\/json|stream\/file))?$/, method: 'POST', family: 'hume', is: 'speech' },
  { path: /\/speech(?:\/bytes)?$/, method: 'POST', family: 'lmnt', is: 'speech' },
  { path: /\/jobs(?:\/[^/]+)?$/, family: 'revai', is: 'revai' },
  { path: /\/(?:pre-recorded|transcription)(?:\/[^/]+)?$/, family: 'gladia', is: 'gladia' },

  { path: /\/(?:predictions|trainings)(?:\/[^/]+)?(?:\/cancel)?$/, family: 'replicate', is: 'replicate' },
  { path: /\/requests\/[^/]+\/(?:status|cancel)(?:\/stream)?$/, family: 'fal', is: 'free' },
  { path: /\/requests\/[^/]+(?:\/(?:result|response))?$/, method: 'GET', family: 'fal', is: 'fal' },
  { path: /./, method: 'POST', family: 'fal', is: 'fal' },
  { path: /\/get_result$/, method: 'GET', family: 'black-forest-labs', is: 'black-forest-labs' },
  { path: /./, method: 'POST', family: 'black-forest-labs', is: 'black-forest-labs' },
  { path: /\/generations(?:\/[^/]+)*$/, family: 'luma', is: 'luma' },

  { path: /:(?:generateContent|streamGenerateContent)$/, method: 'POST', is: 'gemini' },
  { path: /:(?:embedContent|batchEmbedContents)$/, method: 'POST', is: 'gemini-embeddings' },
  { path: /:predict$/, method: 'POST', is: 'google-predict' },
  { path: /:(?:predictLongRunning|fetchPredictOperation)$/, method: 'POST', is: 'google-operation' },
  { path: /\/interactions(?:\/[^/]+)?(?:\/cancel)?$/, family: 'google', is: 'gemini-interactions' },

  // Also the legacy /completions, which tells usage the same way.
  { path: /\/completions$/, method: 'POST', is: 'openai-chat' },
  // Writer
  { path: /\/v1\/chat$/, method: 'POST', family: 'openai', is: 'openai-chat' },
  { path: /\/responses(?:\/compact)?$/, method: 'POST', is: 'openai-responses' },
  { path: /\/responses\/[^/]+\/cancel$/, method: 'POST', is: 'openai-responses' },
  // The result of a background response.
  { path: /\/responses\/[^/]+$/, method: 'GET', is: 'openai-responses' },
  { path: /\/(?:multimodal|contextualized)?embeddings$/, method: 'POST', is: 'embeddings' },
  { path: /\/rerank$/, method: 'POST', is: 'embeddings' },
  { path: /\/images\/(?:generations|edits|variations)$/, method: 'POST', is: 'openai-images' },
  { path: /\/audio\/speech$/, method: 'POST', is: 'speech' },
  { path: /\/audio\/(?:transcriptions|translations)$/, method: 'POST', is: 'transcriptions' },
  // xAI
  { path: /\/stt$/, method: 'POST', family: 'openai', is: 'transcriptions' },
  { path: /\/tts$/, method: 'POST', family: 'openai', is: 'speech' },
  { path: /\/threads(?:\/[^/]+)?\/runs(?:\/[^/]+)?(?:\/(?:cancel|submit_tool_outputs))?$/, is: 'openai-runs' },
  { path: /\/batches(?:\/[^/]+)?(?:\/cancel)?$/, family: 'openai', is: 'openai-batch' },
  { path: /\/videos(?:\/[^/]+)?(?:\/remix)?$/, family: 'openai', is: 'video' },
  { path: /\/ocr$/, method: 'POST', family: 'openai', is: 'mistral-ocr' },

  // Not the messages of an OpenAI thread.
  { path: /(?<!\/threads\/[^/]+)\/messages$/, method: 'POST', is: 'anthropic' },
  { path: /\/publishers\/anthropic\/models\/[^/]+:(?:rawPredict|streamRawPredict)$/, method: 'POST', is: 'anthropic' },
  { path: /\/publishers\/mistralai\/models\/mistral-ocr[^/]*:rawPredict$/, method: 'POST', is: 'mistral-ocr' },
  { path: /\/publishers\/mistralai\/models\/[^/]+:(?:rawPredict|streamRawPredict)$/, method: 'POST', is: 'openai-chat' },

  { path: /./, method: 'POST', family: 'huggingface', is: 'huggingface' },
] // prettier-ignore

/** Free, and of nobody's account: counts, and how a job goes that only who began it knows by its id. */
const openToAll = [
  /\/(?:input_tokens(?:\/count_tokens)?|count_tokens|count-tokens|(?:de)?tokenize|tokenization|moderations)$/,
  /:countTokens$/,
  /\/requests\/[^/]+\/(?:status|cancel)(?:\/stream)?$/,
  /\/videos\/[^/]+\/content$/,
]

/**
 * Whether a call reaches what the provider's account keeps (files, lists, keys, settings), which is not the caller's alone. Of a
 * known provider that is all that no reader reads: there may be anything.
 */
export function isOfAccount({ method, path, family, readable }: AccountCall): boolean {
  if (readable) return false
  if (family === null) return method.toUpperCase() !== 'POST'
  return freeMethods.has(method.toUpperCase()) || !openToAll.some((open) => open.test(path))
}

interface AccountCall {
  method: string
  path: string
  family: ProviderFamily | null
  readable: boolean
}

/** Methods that make nothing. */
const freeMethods = new Set(['DELETE', 'HEAD', 'OPTIONS'])

/**
 * What an address answers in. Null: no reader for it.
 *
 * @param family null: a host that nobody knows, of which only paths that are one format's own are believed.
 */
export function endpointOf(method: string, url: URL, family: ProviderFamily | null): Dialect | 'free' | null {
  const called = method.toUpperCase()
  if (freeMethods.has(called)) return 'free'
  const { pathname } = url
  const path = pathname.endsWith('/') && pathname !== '/' ? pathname.slice(0, -1) : pathname
  // Free everywhere else.
  if (path.endsWith('/moderations') && url.hostname.endsWith('.mistral.ai')) return null
  const fits = (row: EndpointRow) =>
    (row.method === undefined || row.method === called) &&
    (row.family === undefined || row.family === family) &&
    row.path.test(path)
  const found = rows.find(fits)?.is
  // Whoever only looks makes nothing; what is made in the background has a row.
  return found ?? (called === 'GET' && family !== null ? 'free' : null)
}

/** The family that a dialect is at home in, for hosts that are not in the catalogue. */
export function familyOfDialect(dialect: Dialect): ProviderFamily {
  if (dialect.startsWith('anthropic')) return 'anthropic'
  if (dialect.startsWith('bedrock')) return 'bedrock'
  return dialect.startsWith('gemini') || dialect.startsWith('google') ? 'google' : 'openai'
}

/** The model that stands in the path: Gemini's `models/{model}:…`, Bedrock's `model/{model}/…`, Azure's `deployments/{name}/…`. */
export function modelOfPath({ pathname }: URL, family: ProviderFamily | null = null): string | null {
  // There the whole path names the model, or its last part.
  if (family === 'fal') return wordsOf(pathname.replace(/\/requests\/.*$/, ''))
  if (family === 'black-forest-labs') return wordsOf(pathname.replace(/^.*\/|get_result$/g, ''))

  for (const path of modelPaths) {
    const name = path.exec(pathname)?.[1]
    if (name !== undefined) return decoded(name)
  }
  return null
}

function wordsOf(path: string): string | null {
  const words = path.replace(/^\/+/, '')
  return words === '' ? null : decoded(words)
}

const modelPaths = [
  // Replicate's models are named by owner and name.
  /\/models\/([^/]+\/[^/]+)\/predictions$/,
  // Google's, also of an operation that is polled.
  /\/(?:models|tunedModels)\/([^/:]+)(?::|\/operations\/|$)/,
  /\/deployments\/([^/]+)\//,
  /\/model\/([^/]+)\//,
]

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    // A stray per cent sign: the provider will judge it.
    return name
  }
}
