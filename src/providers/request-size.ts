// The size of a request: about how many input tokens its body will be billed as.
import { fieldOf } from './json-value.ts'
import { TokenEstimate } from './token-estimate.ts'

/** What an image, a sound or a document is taken for: a large image at most providers. Its base64 is no text. */
export const mediaTokensEstimate = 1_500

/** Objects and values that are looked at; a body with more is taken by its bytes. */
const valuesMax = 50_000
/** A longer text is judged by samples. */
const exactCharactersMax = 512
const samples = 8

/** Keys of the formats themselves, which are not part of the prompt. */
const structureKeys = new Set([
  'cache_control', 'content', 'contents', 'functionDeclarations', 'function_declarations', 'id', 'input', 'messages',
  'mimeType', 'mime_type', 'media_type', 'name', 'parts', 'role', 'system', 'text', 'tools', 'type',
]) // prettier-ignore

/** Their values say how to answer, not what to. */
const settingKeys = new Set([
  'cache_control', 'id', 'metadata', 'mimeType', 'mime_type', 'media_type', 'model', 'prompt_cache_key', 'role',
  'safetySettings', 'service_tier', 'signature', 'stream', 'type', 'user',
]) // prettier-ignore

/** Where a file or an image stands, by link, by id or as base64. */
const mediaKeys = ['url', 'image_url', 'file_data', 'file_url', 'file_id', 'fileUri', 'file_uri'] as const

const mediaKeySet: ReadonlySet<string> = new Set([...mediaKeys, 'data'])

/**
 * @param body the parsed body; undefined: it was not read, and its bytes are all that is known.
 * @returns a whole number; linear in the number of values, whatever the length of the texts.
 */
export function estimateInputTokens(body: unknown, bodyBytes: number): number {
  const byBytes = Math.ceil(bodyBytes / 4)
  if (typeof body !== 'object' || body === null) return byBytes
  const texts = new TextTokens()
  // A stack of its own: nesting as deep as a hostile body likes.
  const open: unknown[] = [body]
  let values = 0
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (++values > valuesMax) return Math.max(byBytes, texts.tokens)
    if (typeof value === 'string') texts.add(value)
    // Prompts may come as token ids.
    else if (typeof value === 'number') texts.addFixed(1)
    else if (Array.isArray(value)) openArray(value, open)
    else if (typeof value === 'object' && value !== null) openObject(value, open, texts)
  }
  return texts.tokens
}

function openArray(value: readonly unknown[], open: unknown[]): void {
  const count = Math.min(value.length, valuesMax)
  for (let at = 0; at < count; at++) if (value[at] !== undefined) open.push(value[at])
}

function openObject(value: object, open: unknown[], texts: TextTokens): void {
  const keys = Object.keys(value)
  const media = keys.some(isMediaKey) ? mediaKeyOf(value) : null
  if (media !== null) texts.addFixed(mediaTokensEstimate)
  // What separates one message from the next.
  if (Object.hasOwn(value, 'role')) texts.addFixed(4)
  const count = Math.min(keys.length, valuesMax)
  for (let at = 0; at < count; at++) {
    const key = keys[at] ?? ''
    if (key === media || settingKeys.has(key)) continue
    if (!structureKeys.has(key)) texts.add(key)
    const inner: unknown = Reflect.get(value, key)
    if (inner !== undefined && inner !== null) open.push(inner)
  }
}

/** Most objects have none, and need no closer look. */
function isMediaKey(key: string): boolean {
  return mediaKeySet.has(key)
}

function mediaKeyOf(value: object): string | null {
  for (const key of mediaKeys) if (typeof fieldOf(value, key) === 'string') return key
  if (typeof fieldOf(value, 'data') !== 'string') return null
  const type =
    fieldOf(value, 'mimeType') ??
    fieldOf(value, 'mime_type') ??
    fieldOf(value, 'media_type') ??
    fieldOf(value, 'format')
  return typeof type === 'string' && !type.startsWith('text/') ? 'data' : null
}

class TextTokens {
  #tokens = 0
  /** One for all texts, begun anew with each. */
  readonly #text = new TokenEstimate()

  get tokens(): number {
    return Math.ceil(this.#tokens)
  }

  addFixed(tokens: number): void {
    this.#tokens += tokens
  }

  add(text: string): void {
    const estimate = this.#text
    estimate.restart()
    if (text.length <= exactCharactersMax) {
      estimate.addText(text)
      this.#tokens += estimate.tokens
      return
    }
    const size = exactCharactersMax / samples
    for (let sample = 0; sample < samples; sample++) {
      const start = Math.floor((sample * (text.length - size)) / (samples - 1))
      estimate.addText(text, start, start + size)
    }
    this.#tokens += (estimate.tokens * text.length) / exactCharactersMax
  }
}
