// Form fields: what the text fields of a multipart form say; its files are passed over.
import { Busboy } from '@fastify/busboy'

/** A longer text is no setting. */
const limits = { fields: 100, fieldSize: 10_000, files: 20 }

/** Null: not a form, or a broken one, which the provider will judge. */
export function formFieldsOf(bytes: Buffer, contentType: string | undefined): Promise<Record<string, string> | null> {
  if (!isForm(contentType)) return Promise.resolve(null)
  return new Promise((resolve) => {
    const fields: Record<string, string> = {}
    try {
      const form = new Busboy({ headers: { 'content-type': contentType }, limits })
      form.on('field', (name, value, _nameCut, valueCut) => {
        if (!valueCut) fields[name] = value
      })
      // A form that is cut off inside of a file ends the file with an error, and itself with another.
      form.on('file', (_name, file) => file.on('error', () => resolve(null)).resume())
      form.on('finish', () => resolve(fields))
      form.on('error', () => resolve(null))
      form.end(bytes)
    } catch {
      // It throws at a content type without a boundary.
      resolve(null)
    }
  })
}

export function isForm(contentType: string | undefined): contentType is string {
  return contentType?.toLowerCase().startsWith('multipart/form-data') ?? false
}
