// Anthropic's legacy text completions: they tell no usage at all, so their text is estimated.
import { lastTold } from './last-told.ts'

export const anthropicComplete = lastTold({ texts: ['completion'] }, () => ({}))
