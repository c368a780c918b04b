// JSON as text of one character a byte: finds where its strings end.

/** The index of the quote that ends a string whose inside begins at `from`; -1: there is none. */
export function closingQuoteOf(text: string, from: number): number {
  let at = text.indexOf('"', from)
  while (at >= 0 && isEscaped(text, from, at)) at = text.indexOf('"', at + 1)
  return at
}

/** Whether an odd number of backslashes stands before an index, of those from `from` on. */
function isEscaped(text: string, from: number, at: number): boolean {
  let first = at
  while (first > from && text[first - 1] === '\\') first--
  return (at - first) % 2 === 1
}
