// The recorded answers that `npm run corpus` scores, here in process and with fewer cuts.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readUsage, type UsageReading } from '../../src/providers/read-usage.ts'
import { isSelected } from '../corpus/selection.ts'
import { cutEvery } from '../support/cut.ts'

const file = new URL('../../../shared/corpus/shared.jsonl', import.meta.url)
const present = existsSync(file)

/** As score.mjs has it. test/providers/token-estimate.test.ts is stricter with texts that came whole. */
const estimateOffMax = 0.5

const counts = [
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'seconds',
  'characters',
  'images',
  'pages',
  'search_units',
] as const
const count = z.number().optional()
const caseSchema = z.object({
  id: z.string(),
  request: z.object({ method: z.string(), url: z.string(), body: z.string().nullish() }),
  response: z.object({
    status: z.number(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
    encoding: z.literal('base64').optional(),
  }),
  expected: z.object({
    billable: z.boolean(),
    stream: z.boolean().optional(),
    ambiguous: z.boolean().optional(),
    estimated: z.boolean().optional(),
    salvage_ok: z.boolean().optional(),
    model: z.string().optional(),
    model_request: z.string().optional(),
    input_tokens: count,
    output_tokens: count,
    cache_read_tokens: count,
    cache_write_tokens: count,
    seconds: count,
    characters: count,
    images: count,
    pages: count,
    search_units: count,
    estimate: z.object({ output_tokens_o200k: count }).optional(),
  }),
  alt: z.record(z.string(), z.array(z.number())).optional(),
})
type Case = z.infer<typeof caseSchema>

async function problemsOf(each: Case, size: number): Promise<string[]> {
  const bytes = Buffer.from(each.response.body, each.response.encoding ?? 'utf8')
  const read = await readUsage({
    request: { ...each.request, body: each.request.body ?? undefined },
    response: each.response,
    chunks: cutEvery(bytes, size),
  })
  const { expected } = each
  if (read.billable !== expected.billable) return [`${each.id}: billable ${read.billable}`]
  if (!expected.billable) return []
  const wrong = expected.estimated ? wrongEstimate(each, read) : wrongCounts(each, read)
  const models = [undefined, expected.model, expected.model_request]
  if (expected.model !== undefined && !models.includes(read.model)) wrong.push(`model ${read.model ?? ''}`)
  return wrong.map((problem) => `${each.id}: ${problem}`)
}

function wrongCounts({ expected, alt }: Case, read: UsageReading): string[] {
  return counts
    .filter((name) => (read[name] ?? 0) !== (expected[name] ?? 0) && !alt?.[name]?.includes(read[name] ?? 0))
    .map((name) => `${name} ${read[name] ?? 'absent'} instead of ${expected[name] ?? 'absent'}`)
}

function wrongEstimate({ expected, alt }: Case, read: UsageReading): string[] {
  const wrong: string[] = []
  if (!read.estimated && !expected.salvage_ok) wrong.push('not marked as estimated')
  const { input_tokens: input, estimate } = expected
  if (input !== undefined && read.input_tokens !== input && !alt?.input_tokens?.includes(read.input_tokens ?? 0))
    wrong.push(`input_tokens ${read.input_tokens ?? 'absent'} instead of ${input}`)
  const reference = estimate?.output_tokens_o200k ?? 0
  const away = Math.abs((read.output_tokens ?? 0) - reference) / reference
  if (reference > 20 && expected.output_tokens === undefined && expected.stream && away > estimateOffMax)
    wrong.push(`output estimate ${read.output_tokens ?? 'absent'} for ${reference}`)
  return wrong
}

describe.skipIf(!present)(`readUsage on recorded answers${present ? '' : ' (skipped: no corpus here)'}`, () => {
  const cases = present
    ? readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line))
        .filter(isSelected)
        .map((each) => caseSchema.parse(each))
        .filter(({ expected }) => !expected.ambiguous)
    : []

  test('there are as many as were recorded', () => {
    expect(cases.length).toBe(1174)
  })

  // A test for each part: byte by byte, all of them together would come near a test's time on a busy machine.
  const parts = 6
  const cuts = [Infinity, 1, 61].flatMap((size) =>
    Array.from({ length: parts }, (_, part) => ({ size, part: part + 1 })),
  )
  test.each(cuts)(`reads every one right in chunks of $size bytes, part $part of ${parts}`, async ({ size, part }) => {
    const mine = cases.filter((_, index) => index % parts === part - 1)
    const problems = await Promise.all(mine.map((each) => problemsOf(each, size)))
    expect(problems.flat()).toEqual([])
  })
})
