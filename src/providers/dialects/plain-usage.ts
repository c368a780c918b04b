// Answers of providers without a format of ours: a JSON body may tell its usage in three plain fields (lava-api 5).
import type { Picked } from '../../http/json-picker.ts'
import { picksOf } from '../../http/picks.ts'
import { nothingFound, type AnswerReader, type Findings, type ReaderRow } from '../answer-reader.ts'
import { countOf, errorMessageOf, quantityOf, textOf } from '../json-value.ts'
import { usageOf } from './openai-usage.ts'

export const plainUsage: ReaderRow = {
  picks: picksOf({
    id: 'value',
    model: 'value',
    error: 'value',
    'usage.tokens': 'value',
    'usage.characters': 'value',
    'usage.duration_seconds': 'value',
  }),
  open: () => new PlainUsageReader(),
}

class PlainUsageReader implements AnswerReader {
  #findings: Findings = { ...nothingFound, unbilled: 'no reader for this endpoint, and no usage in its answer' }

  read(object: Picked): boolean {
    const usage = usageOf({
      total_tokens: countOf(object.get('usage.tokens')),
      input_characters: countOf(object.get('usage.characters')),
      input_seconds: quantityOf(object.get('usage.duration_seconds')),
    })
    const told = Object.keys(usage).length > 0
    this.#findings = {
      ...this.#findings,
      ...(told ? { usage, final: true, unbilled: null } : {}),
      error: errorMessageOf(object.get('error')) ?? this.#findings.error,
      model: textOf(object.get('model')) ?? this.#findings.model,
      response_id: textOf(object.get('id')) ?? this.#findings.response_id,
    }
    return told
  }

  findings(): Findings {
    return this.#findings
  }
}
