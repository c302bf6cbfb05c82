/**
 * Whether the bytes from `at` up to `end` are UTF-8 as Unicode has it: nothing overlong, no surrogate, nothing cut.
 * Decoders accept more than that, and each accepts something else.
 */
export function isUtf8(bytes: Uint8Array, at: number, end: number): boolean {
  let i = at
  while (i < end) {
    const first = bytes[i] ?? 0
    i += 1
    if (first < 0x80) continue
    const second = i < end ? (bytes[i] ?? 0) : 0
    if (first < 0xe0) {
      if (first < 0xc2 || (second & 0xc0) !== 0x80) return false
      i += 1
    } else if (first < 0xf0) {
      if ((second & 0xc0) !== 0x80 || !continues(bytes, i + 1, 1, end)) return false
      if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return false
      i += 2
    } else {
      if (first > 0xf4 || (second & 0xc0) !== 0x80 || !continues(bytes, i + 1, 2, end)) return false
      if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return false
      i += 3
    }
  }
  return true
}

function continues(bytes: Uint8Array, at: number, count: number, end: number): boolean {
  if (at + count > end) return false
  for (let i = at; i < at + count; i++) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) return false
  return true
}
