const SLAB = 8_192
/** What is larger gets memory of its own, so that keeping it keeps nothing else. */
const LARGEST = 2_048

let slab = new ArrayBuffer(SLAB)
let used = 0

/**
 * Memory that nobody else writes to, not even later. Small pieces share 8 KiB, which is much cheaper than an allocation
 * each, and is what a reader of `.buffer` could see: for bytes that go into a socket, not to users.
 */
export function memory(length: number): Uint8Array {
  if (length > LARGEST) return new Uint8Array(length)
  if (used + length > SLAB) {
    slab = new ArrayBuffer(SLAB)
    used = 0
  }
  const bytes = new Uint8Array(slab, used, length)
  used += length
  return bytes
}

/** A copy that may be kept. */
export function keep(bytes: Uint8Array): Uint8Array {
  if (bytes.length > LARGEST) return bytes.slice()
  const kept = memory(bytes.length)
  kept.set(bytes)
  return kept
}
