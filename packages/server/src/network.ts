const GROUPS = 8
/** Groups of an IPv6 address that a provider hands out: whoever has one of the rest has all of it. */
const NETWORK_GROUPS = 4

/**
 * Whom an address counts as: of IPv6 its /64, since everybody has as many addresses in theirs as they like.
 * An IPv4 address, also one that is written as IPv6, counts for itself.
 */
export function networkOf(address: string | undefined): string | undefined {
  if (!address?.includes(':') || /^::ffff:/i.test(address)) return address
  const [head = [], tail = []] = address.split('::').map(part => part.split(':').filter(group => group !== ''))
  const zeros = Array<string>(Math.max(0, GROUPS - head.length - tail.length)).fill('0')
  const groups = [...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS)
  return `${groups.map(group => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
