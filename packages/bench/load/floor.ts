import { Decoder, Encoder } from '@msgpack/msgpack'
import { BLOB, POST } from '../work.ts'
import { Client } from './client.ts'

const encoder = new Encoder()
const decoder = new Decoder()

/** `[id, entry, input]` up, `[id, value?]` down; id 0 is the topic's. */
export class FloorClient extends Client {
  #id = 0
  readonly #streams = new Set<number>()

  call(text?: string): void {
    this.send('rooms.post', text === undefined ? POST : { room: 'lobby', text })
  }

  echo(): void {
    this.send('rooms.echo', BLOB)
  }

  stream(count: number): void {
    this.#streams.add(this.#id + 1)
    this.send('rooms.export', count)
  }

  subscribe(): void {
    this.send('rooms.feed', undefined)
  }

  protected hear(data: Buffer): void {
    this.take(decoder.decode(data) as readonly unknown[])
  }

  protected take(frame: readonly unknown[]): void {
    const id = frame[0] as number
    if (id === 0) this.onMessages(1, frame[1])
    else if (!this.#streams.has(id)) this.onAnswer(frame[1])
    else if (frame.length > 1) this.onItems(1, frame[1])
    else {
      this.#streams.delete(id)
      this.onAnswer()
    }
  }

  protected send(entry: string, input: unknown): void {
    this.say(this.frame(entry, input))
  }

  protected frame(entry: string, input: unknown): Uint8Array {
    this.#id += 1
    return encoder.encode([this.#id, entry, input])
  }
}

/** The same, with everything that is said in one tick in one message. */
export class FloorBatchedClient extends FloorClient {
  protected override hear(data: Buffer): void {
    for (const frame of decoder.decodeMulti(data)) this.take(frame as readonly unknown[])
  }

  protected override send(entry: string, input: unknown): void {
    this.sayTogether(this.frame(entry, input))
  }
}
