import { BLOB, POST } from '../work.ts'
import { Client } from './client.ts'

const BOUNDARY = '----formdata-bench'

/** The body of a call with a Blob, after the envelope and a byte of 255. */
const FORM = Buffer.concat([
  Buffer.of(255),
  Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="data"\r\n\r\n{"json":{},"maps":[[]]}\r\n`),
  Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="0"; filename="blob"\r\n`),
  Buffer.from('Content-Type: application/octet-stream\r\n\r\n'),
  BLOB,
  Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
])

interface Envelope {
  readonly t?: number
  readonly p: {
    readonly s?: number
    readonly h?: Record<string, string>
    readonly e?: string
    readonly b?: { readonly json: unknown }
    readonly d?: { readonly json: unknown }
  }
  readonly i: string
}

/** oRPC's peer protocol: JSON, a message for each request. */
export class OrpcClient extends Client {
  #id = 0
  readonly #feeds = new Set<string>()

  call(text?: string): void {
    this.#ask('rooms/post', text === undefined ? POST : { room: 'lobby', text })
  }

  echo(): void {
    this.#id += 1
    const h = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
    this.say(Buffer.concat([Buffer.from(JSON.stringify({ i: `${this.#id}`, p: { u: '/rooms/echo', h } })), FORM]))
  }

  stream(count: number): void {
    this.#ask('rooms/export', count)
  }

  subscribe(room = 'lobby'): void {
    this.#feeds.add(`${this.#id + 1}`)
    this.#ask('rooms/feed', { room })
  }

  protected hear(data: Buffer, isBinary: boolean): void {
    if (isBinary) return this.onAnswer()
    const { t, p, i } = JSON.parse(data.toString('latin1')) as Envelope
    if (p.s !== undefined) throw new Error(`unexpected: ${data}`)
    const isFeed = this.#feeds.has(i)
    if (t !== 3) {
      // Of a stream, this is its beginning.
      if (p.h === undefined || isFeed) this.onAnswer(p.b?.json)
    } else if (p.e !== 'message') this.onAnswer()
    else if (isFeed) this.onMessages(1, p.d?.json)
    else this.onItems(1, p.d?.json)
  }

  #ask(path: string, input: unknown): void {
    this.#id += 1
    this.say(JSON.stringify({ i: `${this.#id}`, p: { u: `/${path}`, b: { json: input } } }))
  }
}
