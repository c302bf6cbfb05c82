import { TautlineError } from '../errors.ts'
import { Batch } from './batch.ts'
import type { Clock } from './clock.ts'
import { decodeMessage, encodeFrame, unshared } from './codec.ts'
import type { Timers } from './deadlines.ts'
import * as FrameType from './frame-type.ts'
import { type Frame, isCounted, ProtocolError } from './frames.ts'
import type { Inlet } from './inlet.ts'
import { type Kept, Replay, type Sender } from './replay.ts'
import type { ScanLimits } from './scan.ts'
import type { Socket } from './socket.ts'

/** An ACK goes out after this many counted frames, this many bytes of them, or this many ms, whichever is first. */
const ACK_FRAMES = 64
const ACK_BYTES = 128 * 1024
const ACK_MS = 1_000
/** After so many ms it goes along with whatever else goes out: a message of its own costs far more. */
const ACK_ALONG_MS = 250

/** Who takes what a link brings. */
export interface LinkReader {
  /** A frame came in, neither ACK, PING nor PONG; `size` is its bytes on the wire. */
  frame(frame: Frame, size: number): void
  /** Bytes left, were acknowledged, or a socket came: whoever waits for room may look again. */
  room(): void
}

/** What a link tells its owner. */
export interface LinkEvents {
  /** A frame of this type came in, be it one of the link's own or one that nobody knows; for who counts them. */
  arrived?(type: number): void
  /** A PONG came in. */
  pong?(): void
  /** The other side broke the protocol, or a limit; the owner closes the socket with the error's code. */
  broken(error: ProtocolError): void
  /** The socket closed by itself, or was closed by the other side; the link is detached. */
  closed(code: number, reason: string): void
  /** Kept frames passed the limit while no socket was there: this session cannot be resumed any more. */
  overflowed(): void
}

/** The numbers a link keeps to, all in bytes. */
export interface LinkLimits {
  /** Largest frame to send. */
  readonly sendBytes: number
  /** Largest message to take. */
  readonly receiveBytes: number
  /** Sent frames kept until they are acknowledged. */
  readonly replayBytes: number
  /** Unsent bytes above which stream items wait. */
  readonly itemWaterBytes: number
  /** What a message may hold. */
  readonly scan: ScanLimits
}

/** How links are made; one object serves as many as one likes. */
export interface LinkOptions {
  /** Checks the frames that come in: `parseFromClient`, `parseFromServer`. */
  readonly parse: (frame: readonly unknown[]) => Frame | undefined
  readonly clock: Clock
  readonly deadlines: Timers
  readonly limits: LinkLimits
}

/**
 * Frames over sockets that come and go (protocol.md, "Sessions"). Counted frames are numbered, kept until the other
 * side has acknowledged them, and sent again on the next socket, so that whoever uses a link never learns that a socket
 * was lost. Both ends of a session use this class.
 */
export class Link {
  readonly #options: LinkOptions
  readonly #events: LinkEvents
  readonly #reader: LinkReader
  readonly #replay: Replay
  readonly #batch = new Batch()
  #inlet: Inlet | undefined
  #socket: Socket | undefined
  /** Whether the end of the tick is waited for; else nothing is in the batch. */
  #flushing = false
  #heardAt: number
  #received = 0
  #unacknowledged = 0
  #unacknowledgedBytes = 0
  /** When the first of them came, in whole ms. */
  #unacknowledgedSince = 0
  #ackDeadline: unknown
  #bytesIn = 0
  #bytesOut = 0

  constructor(options: LinkOptions, events: LinkEvents, reader: LinkReader) {
    this.#options = options
    this.#events = events
    this.#reader = reader
    this.#replay = new Replay(options.limits.replayBytes)
    this.#heardAt = options.clock.now()
  }

  /** Whether a socket is there. */
  get attached(): boolean {
    return this.#socket !== undefined
  }

  /** Counted frames received so far: what HELLO and WELCOME tell the other side. */
  get received(): number {
    return this.#received
  }

  /** Bytes of frames kept for replay. */
  get keptBytes(): number {
    return this.#replay.bytes
  }

  /** Bytes that have not left this process: the socket's and those of the open batch. */
  get unsentBytes(): number {
    return (this.#socket?.bufferedAmount ?? 0) + (this.#flushing ? this.#batch.bytes : 0)
  }

  /** Bytes of all messages since the link was made. */
  get traffic(): { readonly received: number; readonly sent: number } {
    return { received: this.#bytesIn, sent: this.#bytesOut }
  }

  /** When the other side was last heard of, in ms of the link's clock. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** Whether a stream may send an item now; if not, `room` tells when to look again. */
  get mayItem(): boolean {
    const { replayBytes, itemWaterBytes } = this.#options.limits
    return this.#replay.bytes * 2 <= replayBytes && this.unsentBytes <= itemWaterBytes
  }

  /**
   * Whether the session can go on when the other side has received `peerReceived` counted frames.
   *
   * @throws {@link ProtocolError} when that is more than were sent.
   */
  resumable(peerReceived: number): boolean {
    return this.#replay.reachesBackTo(peerReceived)
  }

  /**
   * Gives the link its next socket and sends again what the other side has not received. Ask {@link Link.resumable}
   * first. `introduction` (WELCOME), a frame, goes out before everything else.
   */
  attach(socket: Socket, peerReceived: number, introduction?: Uint8Array): void {
    this.#socket = socket
    this.#heardAt = this.#options.clock.now()
    this.#replay.forget(peerReceived)
    if (introduction) this.#say(socket, introduction)
    for (const bytes of this.#replay.frames()) this.#enqueue(bytes)
    socket.listen({
      message: (bytes, given) => this.#receive(socket, bytes, given),
      drain: () => this.#reader.room(),
      close: (code, reason) => this.#closed(socket, code, reason),
    })
    this.#inlet?.attach(socket)
    this.#reader.room()
  }

  /** Has messages come in through `inlet` from now on, for whoever must stop reading. */
  through(inlet: Inlet): void {
    this.#inlet = inlet
    inlet.read = message => this.#socket && this.#read(this.#socket, message, true)
    if (this.#socket) inlet.attach(this.#socket)
  }

  /** Takes the socket away and returns it: what still arrives on it is dropped, uncounted. */
  detach(): Socket | undefined {
    const socket = this.#socket
    if (!socket) return undefined
    this.flush()
    this.#socket = undefined
    this.#replay.settle()
    this.#inlet?.detach()
    this.#unacknowledged = 0
    this.#unacknowledgedBytes = 0
    this.#forgetAck()
    return socket
  }

  /** The session is over: no socket, nothing kept, no timer. Returns the socket that was there. */
  close(): Socket | undefined {
    const socket = this.detach()
    this.#replay.clear()
    return socket
  }

  /**
   * Sends a frame at the end of the tick, in one message with the others; a counted one again after every drop until it
   * is acknowledged. An uncounted one is dropped while no socket is there. Returns the frame's bytes on the wire.
   *
   * @throws {TautlineError} `RESOURCE_EXHAUSTED` when the frame is larger than the other side takes, and what the
   * codec throws for a value that it cannot encode: both before the frame is counted.
   */
  send(frame: Frame, sender?: Sender): number {
    const bytes = encodeFrame(frame)
    const size = bytes.length
    const { sendBytes } = this.#options.limits
    if (size > sendBytes) {
      throw new TautlineError('RESOURCE_EXHAUSTED', `a message of ${size} bytes is over the limit of ${sendBytes}`)
    }
    if (isCounted(frame[0])) this.#keep(sender ? { length: size, frame, sender } : bytes)
    this.#enqueue(bytes)
    return size
  }

  /** Sends a frame that was encoded before and is not counted; dropped while no socket is there. */
  sendEncoded(frame: Uint8Array): void {
    this.#enqueue(frame)
  }

  /** The same for several, now and in one message with whatever waits: for the end of a tick. Tells of no room. */
  sendNow(frames: readonly Uint8Array[]): void {
    const socket = this.#socket
    const [first] = frames
    if (!socket || !first) return
    // Of a thousand sockets one after another, each object that need not be looked at counts.
    if (!this.#flushing && frames.length === 1) return this.#say(socket, first)
    for (const frame of frames) this.#batch.add(frame)
    this.flush()
  }

  /** Sends what was gathered in this tick now. */
  flush(): void {
    const socket = this.#socket
    if (!socket) return
    const { sendBytes } = this.#options.limits
    for (let message = this.#batch.take(sendBytes); message; message = this.#batch.take(sendBytes)) {
      this.#say(socket, message)
    }
  }

  /** Counts the other side as heard now: for a heartbeat that was itself asleep, or had stopped reading. */
  grace(): void {
    this.#heardAt = this.#options.clock.now()
  }

  #say(socket: Socket, message: Uint8Array): void {
    this.#bytesOut += message.length
    socket.send(message)
  }

  #keep(sent: Kept): void {
    if (this.#socket) this.#replay.keep(sent)
    else if (!this.#replay.keep(sent instanceof Uint8Array ? unshared(sent) : sent)) this.#events.overflowed()
  }

  #enqueue(bytes: Uint8Array): void {
    if (!this.#socket) return
    this.#batch.add(bytes)
    if (this.#flushing) return
    this.#flushing = true
    this.#options.clock.defer(this.#flushDeferred)
  }

  readonly #flushDeferred = (): void => {
    const waited = this.#heardAt - this.#unacknowledgedSince
    if (this.#unacknowledged > 0 && waited >= ACK_ALONG_MS && this.#batch.bytes > 0) this.#acknowledge()
    this.#flushing = false
    this.flush()
    this.#reader.room()
  }

  #receive(socket: Socket, bytes: Uint8Array, given?: boolean): void {
    if (socket !== this.#socket) return
    this.grace()
    this.#bytesIn += bytes.length
    this.#read(socket, bytes, given)
  }

  #read(socket: Socket, bytes: Uint8Array, given?: boolean): void {
    const { receiveBytes, scan } = this.#options.limits
    try {
      if (bytes.length > receiveBytes) throw new ProtocolError('message too big', 1009)
      if (this.#inlet?.holds(bytes)) return
      const read = decodeMessage(bytes, scan, (value, size) => this.#take(socket, value, size), given)
      if (read < bytes.length && socket === this.#socket) this.#inlet?.interrupt(bytes.subarray(read))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      if (socket === this.#socket) this.#events.broken(error)
    }
  }

  /** Whether the next frame may be read. */
  #take(socket: Socket, value: readonly unknown[], size: number): boolean {
    if (socket !== this.#socket) return false
    this.#tell(value, size)
    return socket === this.#socket && !this.#inlet?.paused
  }

  #tell(value: readonly unknown[], size: number): void {
    if (isCounted(value[0] as number)) this.#count(size)
    const frame = this.#options.parse(value)
    this.#events.arrived?.(value[0] as number)
    if (!frame) return
    if (frame[0] === FrameType.ACK) {
      this.#replay.forget(frame[1])
      this.#reader.room()
    } else if (frame[0] === FrameType.PING) this.send([FrameType.PONG])
    else if (frame[0] === FrameType.PONG) this.#events.pong?.()
    else this.#reader.frame(frame, size)
  }

  #count(size: number): void {
    if (this.#unacknowledged === 0) this.#unacknowledgedSince = Math.trunc(this.#heardAt)
    this.#received += 1
    this.#unacknowledged += 1
    this.#unacknowledgedBytes += size
    if (this.#unacknowledged >= ACK_FRAMES || this.#unacknowledgedBytes >= ACK_BYTES) this.#acknowledge()
    else this.#ackDeadline ??= this.#options.deadlines.add(ACK_MS, () => this.#acknowledge())
  }

  #acknowledge(): void {
    this.#forgetAck()
    this.#unacknowledged = 0
    this.#unacknowledgedBytes = 0
    this.send([FrameType.ACK, this.#received])
  }

  #forgetAck(): void {
    this.#options.deadlines.delete(this.#ackDeadline)
    this.#ackDeadline = undefined
  }

  #closed(socket: Socket, code: number, reason: string): void {
    if (socket !== this.#socket) return
    this.detach()
    this.#events.closed(code, reason)
  }
}
