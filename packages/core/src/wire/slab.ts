const SLAB = 8_192
/** What is larger gets memory of its own, so that keeping it keeps nothing else. */
const LARGEST = 2_048

let slab = new Uint8Array(SLAB)
let used = 0

/**
 * Copies bytes into memory that nobody writes to again. Small ones share a piece of 8 KiB, which is much cheaper than an
 * allocation each, and is what a reader of `.buffer` could see: for bytes that go into a socket, not to users.
 */
export function keep(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  if (length > LARGEST) return bytes.slice()
  if (used + length > SLAB) {
    slab = new Uint8Array(SLAB)
    used = 0
  }
  const kept = slab.subarray(used, used + length)
  kept.set(bytes)
  used += length
  return kept
}
