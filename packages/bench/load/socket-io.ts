import { Decoder, Encoder } from '@msgpack/msgpack'
import { BLOB, POST } from '../work.ts'
import { Client } from './client.ts'

const encoder = new Encoder()
const decoder = new Decoder()

interface Packet {
  readonly type: number
  readonly data?: readonly unknown[]
}

/** Engine.IO 4 over WebSocket, with packets of `socket.io-msgpack-parser`. */
export class SocketIoClient extends Client {
  #id = 0

  constructor(url: string) {
    super(`${url}/socket.io/?EIO=4&transport=websocket`)
  }

  call(text?: string): void {
    this.#emit('rooms.post', text === undefined ? POST : { room: 'lobby', text })
  }

  echo(): void {
    this.#emit('rooms.echo', BLOB)
  }

  stream(count: number): void {
    this.#emit('rooms.export', count)
  }

  subscribe(room = 'lobby'): void {
    this.#emit('rooms.feed', room)
  }

  protected override begin(): void {
    // The server speaks first.
  }

  protected hear(data: Buffer, isBinary: boolean): void {
    if (isBinary) this.#take(decoder.decode(data) as Packet)
    else if (data[0] === 0x30) this.say(encoder.encode({ type: 0, nsp: '/' }))
    else if (data[0] === 0x32) this.say('3')
  }

  #take({ type, data }: Packet): void {
    if (type === 3) this.onAnswer(data?.[0])
    else if (type === 0) this.opened()
    else if (data?.[0] === 'item') this.onItems(1, data[1])
    else this.onMessages(1, data?.[1])
  }

  #emit(event: string, input: unknown): void {
    this.#id += 1
    this.say(encoder.encode({ type: 2, data: [event, input], options: { compress: true }, id: this.#id, nsp: '/' }))
  }
}
