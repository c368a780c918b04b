// npm run prices: which models of the catalogue's providers have no price, of those that recorded answers name and the library lists.
// The recordings are in ../shared/corpus, where it is. A report, not a check: it exits 0.
import { existsSync, readFileSync } from 'node:fs'
import { findProvider as findLibraryProvider } from '@pydantic/genai-prices'
import { z } from 'zod'
import { systemClock } from '../../src/clock.ts'
import { priceTable } from '../../src/pricing/price-table.ts'
import { catalog, findProvider } from '../../src/providers/catalog.ts'

interface NamedModel {
  name: string
  priced: boolean
}

const caseSchema = z.object({
  request: z.object({ url: z.string() }),
  expected: z.object({
    billable: z.boolean().optional(),
    model: z.string().nullish(),
    model_request: z.string().nullish(),
  }),
})
type Case = z.infer<typeof caseSchema>

const corpus = new URL('../../../shared/corpus/shared.jsonl', import.meta.url)
const lines = existsSync(corpus) ? readFileSync(corpus, 'utf8').trim().split('\n') : []
const cases = lines.map((line) => caseSchema.parse(JSON.parse(line)))
const table = priceTable({ prices: {}, clock: systemClock })

const all: NamedModel[] = []
for (const { key, priceProvider } of catalog) {
  console.log(`${key} (${priceProvider ?? 'no price provider'})`)
  for (const [title, models] of Object.entries({
    recorded: recordedModels(key, priceProvider),
    listed: listedModels(priceProvider),
  })) {
    if (models.length > 0) console.log(`  ${title}: ${summaryOf(models)}`)
    all.push(...models)
  }
}
console.log(`all: ${all.filter(({ priced }) => priced).length} of ${all.length} have a price`)

/** Of the names that one answer goes by, one with a price is enough: records are priced so. */
function recordedModels(provider: string, priceProvider: string | null): NamedModel[] {
  const byName = new Map<string, NamedModel>()
  for (const { expected } of cases.filter((each) => providerOf(each) === provider)) {
    const names = [...new Set([expected.model, expected.model_request].filter((name) => typeof name === 'string'))]
    const priced = names.some((model) => table.find({ priceProvider, provider, model }) !== null)
    const name = names.join(' / ')
    if (expected.billable !== false && name !== '') byName.set(name, { name, priced })
  }
  return [...byName.values()]
}

function providerOf({ request }: Case): string | undefined {
  return URL.canParse(request.url) ? findProvider(new URL(request.url), catalog)?.key : undefined
}

/** By the library's entries: many ids are not names that an answer has (`regional.…`, `ft:gpt-4o`). */
function listedModels(priceProvider: string | null): NamedModel[] {
  const found = priceProvider === null ? undefined : findLibraryProvider({ providerId: priceProvider })
  // It also takes a provider of a similar name.
  if (found?.id !== priceProvider) return []
  return found.models.map(({ id, prices }) => {
    const stages = Array.isArray(prices) ? prices.map((stage) => stage.prices) : [prices]
    return { name: id, priced: id.endsWith(':free') || stages.some((stage) => Object.keys(stage).length > 0) }
  })
}

function summaryOf(models: readonly NamedModel[]): string {
  const without = models.filter(({ priced }) => !priced).map(({ name }) => name)
  const rest = without.length === 0 ? '' : `; none for ${without.join(', ')}`
  return `${models.length - without.length} of ${models.length} have a price${rest}`
}
