// Form fields: what the text fields of a multipart form say; its files are passed over.
import { Transform, type Readable } from 'node:stream'
import { Busboy } from '@fastify/busboy'

/** A longer text is no setting, and a form of a provider has a dozen parts. */
const limits = { fields: 100, fieldSize: 10_000, files: 20, parts: 120, headerPairs: 20 }
/** A form with more parts than that is read no further: each costs some microseconds, whatever it holds. */
const partBytesMin = 64

export interface FormReader {
  /** As far as the form has come, but names with several values; null when it is broken, or has too many parts. */
  readonly fields: Readonly<Record<string, string>> | null
  write(bytes: Buffer): void
  end(): Promise<void>
}

/** Null: not a form. A broken one is for the provider to judge. */
export function openFormReader(contentType: string | undefined): FormReader | null {
  if (!isForm(contentType)) return null
  const fields: Record<string, string> = {}
  const { promise: ended, resolve } = Promise.withResolvers<undefined>()
  /** Two values under one name: servers differ in which of them they heed. */
  const doubtful = new Set<string>()
  let state: 'reading' | 'unknown' = 'reading'
  const fail = () => {
    state = 'unknown'
    resolve(undefined)
  }
  const form = openForm(contentType)
  if (!form) return { fields: null, write: () => undefined, end: () => Promise.resolve() }
  form.on('field', (name, value, _nameCut, valueCut) => {
    if (valueCut || (Object.hasOwn(fields, name) && fields[name] !== value)) doubtful.add(name)
    fields[name] = value
    if (doubtful.has(name)) Reflect.deleteProperty(fields, name)
  })
  // A form that is cut off inside of a file ends the file with an error, and itself with another.
  form.on('file', (_name, file) => file.on('error', fail).resume())
  // What comes after may contradict what was read.
  form.on('partsLimit', fail)
  form.on('fieldsLimit', fail)
  form.on('finish', () => resolve(undefined))
  form.on('error', fail)
  return {
    get fields() {
      return state === 'unknown' ? null : fields
    },
    write(bytes) {
      // In pieces, so that the limit is noticed before a large form is read through.
      for (let at = 0; at < bytes.length && state === 'reading'; at += limits.parts * partBytesMin)
        form.write(bytes.subarray(at, at + limits.parts * partBytesMin))
    },
    end() {
      if (state === 'reading') form.end()
      return ended
    },
  }
}

/** Null: not a form, or a broken one. */
export async function formFieldsOf(bytes: Buffer, contentType: string | undefined): Promise<Readonly<Record<string, string>> | null> {
  const reader = openFormReader(contentType)
  if (!reader) return null
  reader.write(bytes)
  await reader.end()
  return reader.fields
} // prettier-ignore

export interface PassingForm {
  /** The form's bytes, unchanged. */
  source: Readable
  reader: FormReader
  /** How many of its bytes have passed. */
  bytes(): number
}

/** Reads a form that is too large to be held while it passes. Null: not a form. */
export function readPassingForm(source: Readable, contentType: string | undefined): PassingForm | null {
  const reader = openFormReader(contentType)
  if (!reader) return null
  let bytes = 0
  const passing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      reader.write(chunk)
      done(null, chunk)
    },
  })
  // Whoever reads it listens too; nobody does before the call is let through.
  passing.on('error', () => undefined)
  source.on('error', (error) => passing.destroy(error))
  source.once('close', () => {
    // A caller who leaves while sending ends the request without an error.
    if (!source.readableEnded) passing.destroy(new Error('the caller left while sending'))
  })
  return { source: source.pipe(passing), reader, bytes: () => bytes }
}

export function isForm(contentType: string | undefined): contentType is string {
  return contentType?.toLowerCase().startsWith('multipart/form-data') ?? false
}

/** Busboy throws at a content type without a boundary. */
function openForm(contentType: string): InstanceType<typeof Busboy> | null {
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits })
  } catch {
    return null
  }
}
