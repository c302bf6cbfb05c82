import { BLOB, POST } from '../work.ts'
import { Client } from './client.ts'

const BASE64 = Buffer.from(BLOB).toString('base64')

interface Envelope {
  readonly id: number
  readonly result?: { readonly type: 'data' | 'started' | 'stopped'; readonly data?: unknown }
  readonly error?: unknown
}

/** JSON-RPC as tRPC speaks it. What is asked in one tick is one array, as its own client has it. */
export class TrpcClient extends Client {
  #id = 0
  #waiting: string[] = []
  readonly #kinds = new Map<number, 'stream' | 'feed'>()

  call(text?: string): void {
    this.#ask('mutation', 'rooms.post', text === undefined ? POST : { room: 'lobby', text })
  }

  echo(): void {
    this.#ask('mutation', 'rooms.echo', BASE64)
  }

  stream(count: number): void {
    this.#kinds.set(this.#id + 1, 'stream')
    this.#ask('subscription', 'rooms.export', count)
  }

  subscribe(room = 'lobby'): void {
    this.#kinds.set(this.#id + 1, 'feed')
    this.#ask('subscription', 'rooms.feed', { room })
  }

  protected hear(data: Buffer): void {
    const { id, result, error } = JSON.parse(data.toString('latin1')) as Envelope
    if (error !== undefined || !result) throw new Error(`unexpected: ${data}`)
    const kind = this.#kinds.get(id)
    if (result.type === 'started') {
      if (kind === 'feed') this.onAnswer()
    } else if (result.type === 'stopped') {
      this.#kinds.delete(id)
      this.onAnswer()
    } else if (kind === 'stream') this.onItems(1, result.data)
    else if (kind === 'feed') this.onMessages(1, result.data)
    else this.onAnswer(result.data)
  }

  #ask(method: string, path: string, input: unknown): void {
    this.#id += 1
    if (this.#waiting.length === 0) process.nextTick(this.#flush)
    this.#waiting.push(JSON.stringify({ id: this.#id, jsonrpc: '2.0', method, params: { path, input } }))
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    this.say(waiting.length === 1 ? (waiting[0] as string) : `[${waiting.join(',')}]`)
  }
}
