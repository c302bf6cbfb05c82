/** What some bytes are as UTF-8. */
export const Utf8 = {
  /** Not UTF-8 as Unicode has it: something overlong, a surrogate, a character cut short. */
  BROKEN: 0,
  WHOLE: 1,
  /** Whole, and U+FFFD is in it: perhaps what an encoder wrote for something that it could not encode. */
  REPLACED: 2,
} as const

/** Judges the bytes from `at` up to `end`. Decoders take more than UTF-8 is, and each takes something else. */
export function judgeUtf8(bytes: Uint8Array, at: number, end: number): number {
  let judgement: number = Utf8.WHOLE
  let i = at
  while (i < end) {
    const first = byte(bytes, i)
    if (first < 0x80) {
      i += 1
      continue
    }
    const size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
    if (size === 0 || i + size > end) return Utf8.BROKEN
    const second = byte(bytes, i + 1)
    if (second < lowest(first) || second > highest(first)) return Utf8.BROKEN
    if (size > 2 && (byte(bytes, i + 2) & 0xc0) !== 0x80) return Utf8.BROKEN
    if (size > 3 && (byte(bytes, i + 3) & 0xc0) !== 0x80) return Utf8.BROKEN
    if (first === 0xef && second === 0xbf && byte(bytes, i + 2) === 0xbd) judgement = Utf8.REPLACED
    i += size
  }
  return judgement
}

/** The second byte's range depends on the first: nothing overlong, no surrogate, nothing above U+10FFFF. */
const lowest = (first: number): number => (first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80)
const highest = (first: number): number => (first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf)
const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0

/** Whether half a surrogate pair is anywhere in a value's strings; the value must have been encoded, so it ends. */
export function holdsLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) return [...value].some(holdsLoneSurrogate)
  return Object.entries(value).some(holdsLoneSurrogate)
}
