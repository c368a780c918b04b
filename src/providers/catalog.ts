// The catalogue: the providers that are known without being configured, and which of them a URL belongs to.
import type { Provider, ProviderAuth, ProviderFamily } from './provider.ts'

const bearer: ProviderAuth = { header: 'authorization', prefix: 'Bearer ' }

/**
 * Of those that speak OpenAI's formats: the ones that tell a stream's usage unasked, or refuse the question. Google's
 * compatible endpoint is not asked either: it would put usage into every event (ogx#5122), which can't be taken out again.
 */
const notAskedForUsage = new Set([
  // 422, "extra inputs are not permitted" (openai-agents-python#442, April 2025); tells unasked.
  'mistral',
  // 422 (janhq/jan#7928, April 2026); tells unasked, as do deepseek and zai: with the finish_reason.
  'cerebras',
  'deepseek',
  'zai',
  // In `x_groq`; it answered 400 in 2024 (vercel/ai#1578).
  'groq',
  // In every event.
  'perplexity',
  // "Full usage details are always included" (its reference, ChatStreamOptions, 2026).
  'openrouter',
  // Routes to many hosts, some of the above among them; told unasked when recorded (August 2026).
  'huggingface',
  // Nothing is known of them: v0's own API, and Writer's completions, which are not the OpenAI ones.
  'vercel',
  'writer',
])

/** Whose chat streams are OpenAI's, on paths of their own or beside their own formats. */
const askedFamilies: ReadonlySet<ProviderFamily> = new Set(['openai', 'ollama', 'bedrock', 'huggingface', 'anthropic'])

/** Every known provider, by the keys of Lava's own client (lava-api 5) and the nine that people add first. */
export const catalog: readonly Provider[] = [
  entry('openai', 'https://api.openai.com/v1', ['OPENAI_API_KEY'], { prices: 'openai' }),
  entry('anthropic', 'https://api.anthropic.com/v1', ['ANTHROPIC_API_KEY'], {
    family: 'anthropic',
    auth: { header: 'x-api-key', prefix: '' },
    prices: 'anthropic',
  }),
  entry('google', 'https://generativelanguage.googleapis.com/v1beta', ['GEMINI_API_KEY', 'GOOGLE_API_KEY'], {
    family: 'google',
    auth: { header: 'x-goog-api-key', prefix: '' },
    prices: 'google',
  }),
  // The same host as `google`; the longer base path tells them apart, and with it the header of the key.
  entry(
    'googleOpenaiCompatible',
    'https://generativelanguage.googleapis.com/v1beta/openai',
    ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    { family: 'google', prices: 'google' },
  ),
  entry('mistral', 'https://api.mistral.ai/v1', ['MISTRAL_API_KEY'], { prices: 'mistral' }),
  entry('deepseek', 'https://api.deepseek.com/v1', ['DEEPSEEK_API_KEY'], { prices: 'deepseek' }),
  entry('xai', 'https://api.x.ai/v1', ['XAI_API_KEY'], { prices: 'x-ai' }),
  entry('groq', 'https://api.groq.com/openai/v1', ['GROQ_API_KEY'], { prices: 'groq' }),
  entry('together', 'https://api.together.xyz/v1', ['TOGETHER_API_KEY', 'TOGETHER_AI_API_KEY'], { prices: 'together' }),
  entry('cohere', 'https://api.cohere.ai/compatibility/v1', ['COHERE_API_KEY', 'CO_API_KEY'], { prices: 'cohere' }),
  entry('fireworks', 'https://api.fireworks.ai/inference/v1', ['FIREWORKS_API_KEY'], { prices: 'fireworks' }),
  entry('deepinfra', 'https://api.deepinfra.com/v1/openai', ['DEEPINFRA_API_KEY', 'DEEPINFRA_TOKEN']),
  entry('hyperbolic', 'https://api.hyperbolic.xyz/v1', ['HYPERBOLIC_API_KEY']),
  entry('cerebras', 'https://api.cerebras.ai/v1', ['CEREBRAS_API_KEY'], { prices: 'cerebras' }),
  entry('sambanova', 'https://api.sambanova.ai/v1', ['SAMBANOVA_API_KEY']),
  entry('nebius', 'https://api.studio.nebius.com/v1', ['NEBIUS_API_KEY']),
  entry('gmicloud', 'https://api.gmi-serving.com/v1', ['GMI_API_KEY', 'GMI_CLOUD_API_KEY']),
  entry('inference', 'https://api.inference.net/v1', ['INFERENCE_API_KEY']),
  entry('baseten', 'https://inference.baseten.co/v1', ['BASETEN_API_KEY'], { prices: 'baseten' }),
  entry('novita', 'https://api.novita.ai/v3/openai', ['NOVITA_API_KEY'], { prices: 'novita' }),
  entry('vercel', 'https://api.v0.dev/v1', ['V0_API_KEY']),
  entry('kluster', 'https://api.kluster.ai/v1', ['KLUSTER_API_KEY']),
  entry('parasail', 'https://api.parasail.io/v1', ['PARASAIL_API_KEY']),
  entry('chutes', 'https://llm.chutes.ai/v1', ['CHUTES_API_KEY']),
  entry('targon', 'https://api.targon.com/v1', ['TARGON_API_KEY']),
  entry('embercloud', 'https://api.embercloud.ai/v1', ['EMBERCLOUD_API_KEY']),
  entry('moonshot', 'https://api.moonshot.ai/v1', ['MOONSHOT_API_KEY'], { prices: 'moonshotai' }),
  entry('elevenlabs', 'https://api.elevenlabs.io/v1', ['ELEVENLABS_API_KEY'], {
    family: 'elevenlabs',
    prices: 'elevenlabs',
    auth: { header: 'xi-api-key', prefix: '' },
  }),
  // No address: each customer has a resource host of its own, and a wildcard would hand the key to anybody's resource.
  entry('azure', null, ['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY'], {
    auth: { header: 'api-key', prefix: '' },
    prices: 'azure',
  }),
  entry('openrouter', 'https://openrouter.ai/api/v1', ['OPENROUTER_API_KEY'], { prices: 'openrouter' }),
  entry('perplexity', 'https://api.perplexity.ai', ['PERPLEXITY_API_KEY'], { prices: 'perplexity' }),
  entry('ollama', 'http://127.0.0.1:11434', [], { family: 'ollama', auth: null }),
  entry('voyage', 'https://api.voyageai.com/v1', ['VOYAGE_API_KEY'], { prices: 'voyageai' }),
  entry('jina', 'https://api.jina.ai/v1', ['JINA_API_KEY']),
  entry('deepgram', 'https://api.deepgram.com/v1', ['DEEPGRAM_API_KEY'], {
    family: 'deepgram',
    prices: 'deepgram',
    auth: { header: 'authorization', prefix: 'Token ' },
  }),
  entry('assemblyai', 'https://api.assemblyai.com/v2', ['ASSEMBLYAI_API_KEY'], {
    family: 'assemblyai',
    prices: 'assemblyai',
    auth: { header: 'authorization', prefix: '' },
  }),
  entry('huggingface', 'https://router.huggingface.co/v1', ['HF_TOKEN', 'HUGGINGFACE_API_KEY'], { prices: 'huggingface' }),
  // Cohere's own API; `cohere` is its OpenAI-compatible one, as Lava's client has it.
  entry('cohereNative', 'https://api.cohere.com', ['COHERE_API_KEY', 'CO_API_KEY'], { family: 'cohere', prices: 'cohere' }),
  // No address: the region stands in it. Bedrock's API keys are bearer tokens; a signed (SigV4) request can't be relayed.
  entry('bedrock', null, ['AWS_BEARER_TOKEN_BEDROCK'], { family: 'bedrock', prices: 'aws' }),
  // A deployed model has a host of its own.
  entry('huggingfaceEndpoint', null, ['HF_TOKEN', 'HUGGINGFACE_API_KEY'], { family: 'huggingface' }),
  entry('vertex', null, [], { family: 'google', prices: 'google' }),
  entry('watsonx', null, [], { family: 'watsonx' }),
  entry('writer', 'https://api.writer.com/v1', ['WRITER_API_KEY']),
  entry('zai', 'https://api.z.ai/api/paas/v4', ['ZAI_API_KEY']),
  entry('alibaba', 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1', ['DASHSCOPE_API_KEY', 'ALIBABA_API_KEY']),
  entry('alephalpha', 'https://api.aleph-alpha.com', ['ALEPH_ALPHA_API_KEY', 'AA_TOKEN'], { family: 'alephalpha' }),
  entry('cartesia', 'https://api.cartesia.ai', ['CARTESIA_API_KEY'], { family: 'cartesia' }),
  entry('hume', 'https://api.hume.ai/v0', ['HUME_API_KEY'], { family: 'hume', auth: { header: 'x-hume-api-key', prefix: '' } }),
  entry('lmnt', 'https://api.lmnt.com/v1', ['LMNT_API_KEY'], { family: 'lmnt', prices: 'lmnt', auth: { header: 'x-api-key', prefix: '' } }),
  entry('revai', 'https://api.rev.ai/speechtotext/v1', ['REVAI_ACCESS_TOKEN', 'REVAI_API_KEY'], { family: 'revai', prices: 'revai' }),
  entry('gladia', 'https://api.gladia.io/v2', ['GLADIA_API_KEY'], { family: 'gladia', prices: 'gladia', auth: { header: 'x-gladia-key', prefix: '' } }),
  entry('replicate', 'https://api.replicate.com/v1', ['REPLICATE_API_TOKEN'], { family: 'replicate' }),
  // Two hosts: the one answers at once, the other queues.
  entry('fal', 'https://fal.run', ['FAL_KEY', 'FAL_API_KEY'], { family: 'fal', auth: { header: 'authorization', prefix: 'Key ' } }),
  entry('falQueue', 'https://queue.fal.run', ['FAL_KEY', 'FAL_API_KEY'], { family: 'fal', auth: { header: 'authorization', prefix: 'Key ' } }),
  entry('blackForestLabs', 'https://api.bfl.ai/v1', ['BFL_API_KEY'], { family: 'black-forest-labs', auth: { header: 'x-key', prefix: '' } }),
  entry('luma', 'https://api.lumalabs.ai/dream-machine/v1', ['LUMA_API_KEY', 'LUMAAI_API_KEY'], { family: 'luma' }),
] // prettier-ignore

/**
 * The provider that a URL belongs to: its origin is exactly that of an entry's `publicBaseUrl` or `baseUrl`. Of several
 * entries on one host the one with the longest base path above the URL's path is meant, else the first.
 */
export function findProvider<P extends Provider>(url: URL, providers: readonly P[]): P | undefined {
  const { origin, pathname } = url
  let found: P | undefined
  let best = -1
  for (const provider of providers) {
    const { publicBaseUrl, baseUrl } = provider
    const score = Math.max(
      matchLength(publicBaseUrl, origin, pathname),
      baseUrl === publicBaseUrl ? -1 : matchLength(baseUrl, origin, pathname),
    )
    if (score <= best) continue
    best = score
    found = provider
  }
  return found
}

/** -1: another origin. 0: this origin, another path. Else how much of the path the base covers. */
function matchLength(base: string | null, origin: string, pathname: string): number {
  // Called for every entry on every call, so the base, which is in normal form, is compared as text and not parsed.
  if (!base?.startsWith(origin)) return -1
  const path = base.slice(origin.length)
  if (path !== '' && !path.startsWith('/')) return -1
  if (!pathname.startsWith(path)) return 0
  const next = pathname.charAt(path.length)
  return next === '' || next === '/' ? path.length + 1 : 0
}

interface EntryParts {
  /** Default `openai`: most providers speak its formats. */
  family?: ProviderFamily | null
  /** Default: a bearer token. */
  auth?: ProviderAuth | null
  /** Its id in `@pydantic/genai-prices`. */
  prices?: string
}

function entry(
  key: string,
  baseUrl: string | null,
  apiKeyVariables: readonly string[],
  { family = 'openai', auth = bearer, prices }: EntryParts = {},
): Provider {
  const usageOnlyIfAsked = family !== null && askedFamilies.has(family) && !notAskedForUsage.has(key)
  const priceProvider = prices ?? null
  return { key, baseUrl, publicBaseUrl: baseUrl, auth, apiKeyVariables, family, priceProvider, usageOnlyIfAsked }
}
