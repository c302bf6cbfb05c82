/** What some bytes are as UTF-8. */
export const Utf8 = {
  /** Not UTF-8 as Unicode has it: something overlong, a surrogate, a character cut short. */
  BROKEN: 0,
  WHOLE: 1,
  /** Whole, and U+FFFD is in it: perhaps what an encoder wrote for something that it could not encode. */
  REPLACED: 2,
} as const

/** From so many bytes on, looking at 16 of them at once pays for the view that it takes. */
const LONG = 256

/** Judges the bytes from `at` up to `end`. Decoders take more than UTF-8 is, and each takes something else. */
export function judgeUtf8(bytes: Uint8Array, at: number, end: number): number {
  let judgement: number = Utf8.WHOLE
  let i = end - at < LONG ? at : endOfAscii(bytes, at, end)
  while (i < end) {
    const first = bytes[i] as number
    if (first < 0x80) {
      i += 1
      continue
    }
    const size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
    if (size === 0 || i + size > end) return Utf8.BROKEN
    const second = bytes[i + 1] as number
    if (second < lowest(first) || second > highest(first)) return Utf8.BROKEN
    if (size > 2) {
      const third = bytes[i + 2] as number
      if ((third & 0xc0) !== 0x80 || (size > 3 && ((bytes[i + 3] as number) & 0xc0) !== 0x80)) return Utf8.BROKEN
      if (first === 0xef && second === 0xbf && third === 0xbd) judgement = Utf8.REPLACED
    }
    i += size
  }
  return judgement
}

/** The second byte's range depends on the first: nothing overlong, no surrogate, nothing above U+10FFFF. */
function lowest(first: number): number {
  return first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
}

function highest(first: number): number {
  return first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
}

/** Where the ASCII that a long string begins with ends, or a little before. */
function endOfAscii(bytes: Uint8Array, at: number, end: number): number {
  const aligned = at + (-(bytes.byteOffset + at) & 3)
  for (let i = at; i < aligned; i++) if ((bytes[i] as number) > 0x7f) return i
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, (end - aligned) >> 2)
  const last = words.length - 4
  let i = 0
  while (i <= last) {
    const four = (words[i] as number) | (words[i + 1] as number) | (words[i + 2] as number) | (words[i + 3] as number)
    if ((four & 0x80808080) !== 0) break
    i += 4
  }
  return aligned + i * 4
}

/** Whether half a surrogate pair is anywhere in a value's strings; the value must have been encoded, so it ends. */
export function holdsLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) return [...value].some(holdsLoneSurrogate)
  return Object.entries(value).some(holdsLoneSurrogate)
}
