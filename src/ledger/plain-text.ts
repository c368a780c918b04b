// Plain text: what may be an id in any storage.

/** Databases differ on control characters and lone surrogates, so none of them gets either. */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text)
}

export const plainTextWanted = 'has control characters or broken Unicode'
