/** A cluster has so many slots; each is one master's. */
const SLOTS = 16_384
/** CRC-16 as the cluster's specification has it: polynomial 0x1021, begun with 0. */
const POLYNOMIAL = 0x1021

/** The slot of a cluster that a key or shard channel is in: of its hash tag, if it has one. */
export function slotOf(name: string): number {
  const open = name.indexOf('{')
  const close = open < 0 ? -1 : name.indexOf('}', open)
  const hashed = close > open + 1 ? name.slice(open + 1, close) : name
  let crc = 0
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1) & 0xffff
  }
  return crc % SLOTS
}
