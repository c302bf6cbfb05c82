/**
 * Where to dial: relative ones are resolved against the page, `http:` becomes `ws:`. `route` leads a session that is
 * resumed to the server that has it (protocol.md, "Sessions").
 *
 * @throws {TypeError} when there is nothing to resolve it against
 */
export function urlOf(url: string | URL, route: string | undefined): string {
  const { location } = globalThis as { location?: { readonly href: string } }
  const absolute = new URL(url, location?.href)
  absolute.protocol = absolute.protocol.replace('http', 'ws')
  absolute.hash = ''
  if (route !== undefined) absolute.searchParams.set('route', route)
  return absolute.href
}
