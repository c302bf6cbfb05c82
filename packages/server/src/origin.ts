import type { Anyone } from '@tautline/core'
import type { Arrival } from './arrival.ts'

/** Which pages may open a socket: exact origins, `'self'` for the server's own, or `anyone`. */
export type Origins = readonly string[] | Anyone

/** What a page's origin looks like. `null`, and `file://` without a host, are no origin that could be trusted. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\]+$/
const HOST = /^[^\s/?#@\\]+$/

/**
 * Checks the option `origins`.
 *
 * @throws `TypeError` naming the one that no browser would ever send.
 */
export function originsOf(origins: Origins = ['self']): Origins {
  if (typeof origins === 'function') return origins
  if (!Array.isArray(origins)) throw new TypeError("origins must be a list such as ['self', 'https://example.com']")
  for (const origin of origins) {
    if (origin !== 'self' && !isOrigin(origin)) {
      throw new TypeError(`origins: ${JSON.stringify(origin)} is not an origin such as 'https://example.com'`)
    }
  }
  return [...origins]
}

/**
 * Whether the page that asks may open a socket. A request without `Origin` does not come from a page: browsers always
 * send it, and whoever is no browser could send what it likes.
 *
 * @param proxied - whether a trusted proxy stands in front, whose `X-Forwarded-Host` and `-Proto` count.
 */
export function mayEnter(origins: Origins, arrival: Arrival, proxied: boolean): boolean {
  if (typeof origins === 'function') return true
  const { origin } = arrival
  if (origin === undefined) return true
  if (!ORIGIN.test(origin)) return false
  return origins.some(allowed =>
    allowed === 'self' ? ownOrigins(arrival, proxied).includes(origin) : allowed === origin,
  )
}

/** Without TLS of our own, and without a word of the proxy that ends it, the scheme cannot be known. */
function ownOrigins({ headers, secure }: Arrival, proxied: boolean): string[] {
  const host = (proxied && lastOf(headers['x-forwarded-host'])) || headers['host']
  if (!host || !HOST.test(host)) return []
  const told = proxied ? lastOf(headers['x-forwarded-proto']) : undefined
  const schemes = told ? [told] : secure ? ['https'] : ['http', 'https']
  return schemes.flatMap(scheme => normal(`${scheme}://${host}`) ?? [])
}

function isOrigin(origin: unknown): origin is string {
  if (typeof origin !== 'string' || !ORIGIN.test(origin)) return false
  return /^https?:/.test(origin) ? normal(origin) === origin : true
}

/** As a browser writes it: lower case, punycode, no default port. */
function normal(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).origin : undefined
}

/** What the nearest proxy says; what stands before it, anybody could have said. */
function lastOf(list: string | undefined): string | undefined {
  return list?.split(',').at(-1)?.trim() || undefined
}
