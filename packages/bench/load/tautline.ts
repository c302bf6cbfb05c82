import { Decoder, Encoder } from '@msgpack/msgpack'
import * as core from '@tautline/core'
import { chatOf } from '../servers/chat.ts'
import { BLOB, POST } from '../work.ts'
import { Client } from './client.ts'

const encoder = new Encoder()
const decoder = new Decoder()

const WORK = chatOf(core)
const HASH = core.hashOf(WORK)
const NUMBERS = core.numbersOf(WORK)

const ACK_FRAMES = 64
const ACK_BYTES = 131_072
/** Along with what goes out anyway. */
const ACK_ALONG_MS = 250
const WINDOW = 262_144

/** docs/protocol.md, as far as a client needs it that never loses its socket. */
export class TautlineClient extends Client {
  #id = 0
  #subscription = 0
  #received = 0
  #unacknowledged = 0
  #unacknowledgedBytes = 0
  #unacknowledgedSince = 0
  #consumed = 0
  #sameContract = false

  constructor(url: string) {
    super(`${url}/live`, ['tautline.1'])
  }

  call(text?: string): void {
    this.#open('rooms.post', text === undefined ? POST : { room: 'lobby', text })
  }

  echo(): void {
    this.#open('rooms.echo', BLOB)
  }

  stream(count: number): void {
    this.#open('rooms.export', count)
  }

  subscribe(room = 'lobby'): void {
    this.#subscription += 1
    this.#send([8, this.#subscription, 'rooms.feed', { room }])
  }

  protected override begin(): void {
    this.#send([0, { client: 'bench' }])
  }

  protected hear(data: Buffer): void {
    let items = 0
    let messages = 0
    let newest: unknown
    let bytes = data.length
    for (const each of decoder.decodeMulti(data)) {
      const frame = each as readonly unknown[]
      const type = frame[0] as number
      // Before it is told, as a client does: what is said in answer to it leaves behind the ACK, along with it.
      if (type >= 2 && type <= 7) {
        this.#count(bytes)
        bytes = 0
      }
      if (type === 4) {
        if (items > 0) this.onItems(items, newest)
        items = 0
        this.onAnswer(frame[2])
      } else if (type === 3) {
        items += 1
        newest = frame[2]
      } else if (type === 10) {
        messages += 1
        newest = frame[3]
      } else if (type === 1) {
        this.#sameContract = (frame[1] as { contract?: string }).contract === HASH
        this.opened()
      } else if (type === 9) this.onAnswer()
      else if (type === 15) this.#send([16])
      else if (type === 5 || type === 12 || type === 13) throw new Error(`unexpected: ${JSON.stringify(frame)}`)
    }
    if (items > 0) this.onItems(items, newest)
    if (messages > 0) this.onMessages(messages, newest)
    // All of what came is items, near enough: who grants too much is told so by no one.
    if (items > 0) this.#grant(data.length)
  }

  #open(entry: string, input: unknown): void {
    if (this.#unacknowledged > 0 && performance.now() - this.#unacknowledgedSince >= ACK_ALONG_MS) this.#sendAck()
    this.#id += 1
    const number = this.#sameContract ? NUMBERS.get(entry) : undefined
    this.#send([2, this.#id, number ?? entry, input])
  }

  /** Of a message with many frames, all bytes are counted with the first one. */
  #count(bytes: number): void {
    if (this.#unacknowledged === 0) this.#unacknowledgedSince = performance.now()
    this.#received += 1
    this.#unacknowledged += 1
    this.#unacknowledgedBytes += bytes
    if (this.#unacknowledged >= ACK_FRAMES || this.#unacknowledgedBytes >= ACK_BYTES) this.#sendAck()
  }

  #sendAck(): void {
    this.#unacknowledged = 0
    this.#unacknowledgedBytes = 0
    this.#send([17, this.#received])
  }

  #grant(bytes: number): void {
    this.#consumed += bytes
    if (this.#consumed * 2 < WINDOW) return
    this.#send([7, this.#id, this.#consumed])
    this.#consumed = 0
  }

  #send(frame: readonly unknown[]): void {
    this.sayTogether(encoder.encode(frame))
  }
}
