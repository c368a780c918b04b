import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formFieldsOf } from '../../src/http/form-fields.ts'

async function formOf(fields: Record<string, string | Blob>): Promise<{ bytes: Buffer; type: string }> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  const response = new Response(form)
  const type = response.headers.get('content-type') ?? ''
  return { bytes: Buffer.from(await response.arrayBuffer()), type }
}

test('tells the texts of a form, and passes its files over', async () => {
  const { bytes, type } = await formOf({
    file: new Blob(['\r\n--not a boundary\r\n'], { type: 'audio/wav' }),
    model: 'whisper-1',
    prompt: 'Grüße',
  })
  expect(await formFieldsOf(bytes, type)).toEqual({ model: 'whisper-1', prompt: 'Grüße' })
})

test('takes no field for a setting that is longer than any', async () => {
  const { bytes, type } = await formOf({ prompt: 'x'.repeat(20_000), model: 'm' })
  expect(await formFieldsOf(bytes, type)).toEqual({ model: 'm' })
})

test('reads nothing but forms', async () => {
  expect(await formFieldsOf(Buffer.from('{}'), 'application/json')).toBeNull()
  expect(await formFieldsOf(Buffer.from('{}'), undefined)).toBeNull()
  expect(await formFieldsOf(Buffer.from('x'), 'multipart/form-data')).toBeNull()
})

test('ends with whatever comes', async () => {
  const { bytes, type } = await formOf({ file: new Blob(['sound']), model: 'm' })
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length), fc.uint8Array({ maxLength: 30 }), async (cut, noise) => {
      const found = await formFieldsOf(Buffer.concat([bytes.subarray(0, cut), noise]), type)
      expect(found === null || typeof found === 'object').toBe(true)
    }),
  )
})
