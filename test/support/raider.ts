import { connect, type Socket } from 'node:net'
import { encodeFrame, type Frame, FrameType, type HelloFields } from '@tautline/core/wire'
import { upgradeLines } from './upgrade.ts'

/** First bytes of a WebSocket frame: whether the message ends with it, whether it is compressed, and what it is. */
export const Head = {
  BINARY: 0x82,
  COMPRESSED: 0xc2,
  BEGINNING: 0x02,
  MIDDLE: 0x00,
  PING: 0x89,
  PONG: 0x8a,
  CLOSE: 0x88,
} as const

/** A WebSocket frame as a client sends it. The mask is zero: it changes nothing and is a mask all the same. */
export function webSocketFrame(head: number, payload: Uint8Array): Buffer {
  const { length } = payload
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const frame = Buffer.alloc(6 + extended + length)
  frame[0] = head
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127)
  if (extended === 2) frame.writeUInt16BE(length, 2)
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.set(payload, 6 + extended)
  return frame
}

/** Frames in one message, as a client sends them. */
export function messageOf(...frames: readonly Frame[]): Buffer {
  return webSocketFrame(Head.BINARY, Buffer.concat(frames.map(frame => encodeFrame(frame))))
}

/** How a raider comes. */
export interface RaidOptions {
  /** The address of this machine that it comes from, so that it counts apart from others. */
  readonly from?: string
  readonly extensions?: string
}

/** A TCP connection of somebody who keeps to no rule. It never throws: whatever becomes of it is `gone`. */
export class Raider {
  readonly gone: Promise<void>
  readonly socket: Socket
  /** The newest bytes that came, as Latin-1. */
  heard = ''
  /** The first bytes that came, as Latin-1: what is said to who comes in. */
  #first = ''
  isGone = false
  #woken: () => void = () => undefined

  constructor(port: number, { from = '127.0.0.2' }: RaidOptions = {}) {
    this.socket = connect({ port, host: '127.0.0.1', localAddress: from })
    this.socket.on('error', () => undefined)
    this.socket.on('drain', () => this.#woken())
    this.socket.on('data', data => {
      const text = data.toString('latin1')
      this.#first = (this.#first + text).slice(0, 4_096)
      this.heard = (this.heard + text).slice(-4_096)
      this.#woken()
    })
    this.gone = new Promise(resolve =>
      this.socket.on('close', () => {
        this.isGone = true
        this.#woken()
        resolve()
      }),
    )
  }

  /** One whose WebSocket is open, or who was turned away. */
  static async upgraded(port: number, options: RaidOptions = {}): Promise<Raider> {
    const raider = new Raider(port, options)
    const lines = upgradeLines('/live', { 'Sec-WebSocket-Extensions': options.extensions })
    raider.socket.write([...lines, '', ''].join('\r\n'))
    await raider.until('\r\n\r\n')
    return raider
  }

  /** One that has a session. */
  static async joined(port: number, hello: HelloFields, options: RaidOptions = {}): Promise<Raider> {
    const raider = await Raider.upgraded(port, options)
    await raider.write(webSocketFrame(Head.BINARY, encodeFrame([FrameType.HELLO, hello])))
    await raider.until('publicId')
    return raider
  }

  /** What a pattern's first group matches in what it has heard, at first or last. */
  found(pattern: RegExp): string | undefined {
    return (pattern.exec(this.#first) ?? pattern.exec(this.heard))?.[1]
  }

  /** Resolves when these bytes have come, or nothing more will. */
  async until(text: string): Promise<void> {
    while (!this.#hasHeard(text) && this.code === undefined && !this.isGone) await this.#wake()
  }

  /** Resolves when these bytes have come; rejects when it is cut off before. */
  async hears(text: string): Promise<void> {
    await this.until(text)
    if (!this.#hasHeard(text)) throw new Error(`it was cut off (${this.code}) and did not hear ${JSON.stringify(text)}`)
  }

  /** Resolves when so many bytes have come in all; rejects when it is cut off before. */
  async gets(bytes: number): Promise<void> {
    while (this.socket.bytesRead < bytes && !this.isGone) await this.#wake()
    if (this.socket.bytesRead < bytes) throw new Error(`it got ${this.socket.bytesRead} of ${bytes} bytes`)
  }

  /** Resolves when it is closed with this code; rejects when it is closed otherwise. */
  async closedWith(code: number | undefined): Promise<void> {
    await this.dismissed()
    if (this.code !== code) throw new Error(`it was closed with ${this.code} and not with ${code}`)
  }

  /** Resolves when it is told why it is closed, or just closed. */
  async dismissed(): Promise<void> {
    while (this.code === undefined && !this.isGone) await this.#wake()
  }

  /** Resolves when there is room for more, or nobody takes any. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.isGone || this.socket.write(bytes)) return
    while (this.socket.writableNeedDrain && !this.isGone) await this.#wake()
  }

  /** Writes whether or not there is room, and waits no longer than `ms` for it to be taken. */
  async shove(bytes: Uint8Array, ms: number): Promise<void> {
    if (this.isGone) return
    const patience = new Promise<void>(resolve => setTimeout(resolve, ms).unref())
    const written = new Promise<void>(resolve => this.socket.write(bytes, () => resolve()))
    await Promise.race([patience, written, this.gone])
  }

  /** The code that it was closed with, as far as it was told. */
  get code(): number | undefined {
    const at = this.heard.lastIndexOf('\x88')
    const rest = Buffer.from(this.heard.slice(at + 1), 'latin1')
    return at === -1 || rest.length < 3 || rest.length !== 1 + (rest[0] ?? 0) ? undefined : rest.readUInt16BE(1)
  }

  leave(): void {
    this.socket.destroy()
  }

  /** Leaves as who does not come back: nobody waits for it. */
  part(): void {
    if (this.isGone || this.socket.writableNeedDrain) return this.leave()
    this.socket.write(webSocketFrame(Head.CLOSE, Uint8Array.of(0x03, 0xe8)))
    this.socket.destroySoon()
  }

  #hasHeard(text: string): boolean {
    return this.#first.includes(text) || this.heard.includes(text)
  }

  #wake(): Promise<void> {
    return new Promise(resolve => {
      this.#woken = resolve
    })
  }
}
