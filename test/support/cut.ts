// Cuts bytes into chunks.

/** In place at each of the indices, taken modulo the length. */
export function cutAt(bytes: Buffer, indices: readonly number[]): Buffer[] {
  const places = [...new Set(indices.map((index) => index % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((start, place) => bytes.subarray(start, places[place] ?? bytes.length))
}

export function cutEvery(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = []
  for (let start = 0; start < bytes.length; start += size) chunks.push(bytes.subarray(start, start + size))
  return chunks
}
