/** What a transport knows of the HTTP request that asked for a WebSocket. A fetch `Request` fits, and so does Node's. */
export interface UpgradeRequest {
  readonly headers?:
    | Iterable<readonly [name: string, value: string]>
    | { readonly [name: string]: string | readonly string[] | undefined }
  /** Path and query, or the whole URL. */
  readonly url?: string | undefined
  /** The client's network address. */
  readonly address?: string | undefined
  /** Whether it came over TLS; `undefined` when that is not known, as behind a proxy. */
  readonly secure?: boolean | undefined
}

/** Those that say how to speak WebSocket, and nothing about who speaks. */
const HANDSHAKE = /^(connection|upgrade|sec-websocket-.*)$/

/** The facts of an upgrade request: all that is kept of it. */
export class Arrival {
  /** Path and query, or the whole URL. */
  readonly url: string | undefined
  /** The client's network address. */
  readonly address: string | undefined
  /** Whether it came over TLS, where that is known. */
  readonly secure: boolean | undefined
  /** As text, because it is kept for as long as the session and hardly ever looked at. */
  readonly #headers: string

  constructor({ headers = {}, url, address, secure }: UpgradeRequest) {
    const kept: Record<string, string> = {}
    for (const [header, value] of Symbol.iterator in headers ? headers : Object.entries(headers)) {
      const name = header.toLowerCase()
      if (value === undefined || HANDSHAKE.test(name)) continue
      kept[name] = typeof value === 'string' ? value : value.join(', ')
    }
    this.#headers = JSON.stringify(kept)
    this.url = url
    this.address = address
    this.secure = secure
  }

  /** The page that asks, where it is one. Looked for before anything is taken apart. */
  get origin(): string | undefined {
    return this.#headers.includes('"origin":') ? this.headers['origin'] : undefined
  }

  /** By lower-case name; several of one name are joined as HTTP joins them. Made anew each time. */
  get headers(): Readonly<Record<string, string>> {
    return Object.assign(Object.create(null), JSON.parse(this.#headers))
  }
}

/** The cookies of a `Cookie` header. Of several with one name the first counts, as browsers send the closest first. */
export function cookiesOf(header = ''): Readonly<Record<string, string>> {
  const cookies: Record<string, string> = Object.create(null)
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals).trim()
    if (equals > 0 && !(name in cookies)) cookies[name] = unescaped(pair.slice(equals + 1).trim())
  }
  return cookies
}

function unescaped(value: string): string {
  const bare = value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value
  try {
    return decodeURIComponent(bare)
  } catch {
    return bare
  }
}
