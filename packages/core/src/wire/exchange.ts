import { fromWire, TautlineError, toWire } from '../errors.ts'
import * as FrameType from './frame-type.ts'
import { type Frame, ProtocolError } from './frames.ts'
import { Queue } from './queue.ts'
import type { Sender } from './replay.ts'
import { leave, type Source } from './source.ts'

/** How an exchange ended when it was the other side, or the loss of the session, that ended it. */
export type Outcome =
  /** The result came (caller only). */
  | { readonly kind: 'end'; readonly value: unknown }
  /** The failure came (caller), or the session was lost (either). */
  | { readonly kind: 'fail'; readonly error: TautlineError }
  /** The caller lost interest (callee only). Not over yet: whoever is told may still answer, else `CANCELLED` is. */
  | { readonly kind: 'cancel' }

/** What an exchange needs of the peer that it belongs to. */
export interface ExchangePeer {
  send(frame: Frame, sender?: Sender): number
  /** `undefined` when a stream item may be sent now; else a promise that settles when it is worth another look. */
  whenRoom(): Promise<void> | undefined
  forget(exchange: Exchange): void
}

/** Whose exchange it is. */
export interface ExchangeOwner {
  /** Told once when the other side, or the loss of the session, ended the exchange; never for this side's own end. */
  ended(outcome: Outcome): void
  /** Told by how many bytes the items that wait to be read have grown or shrunk. */
  held?(bytes: number): void
}

/** How an exchange is made. */
export interface ExchangeOptions {
  readonly id: number
  readonly role: 'caller' | 'callee'
  /** Bytes of items that may be sent before the other side grants more. */
  readonly credit: number
  /** Bytes of items that the other side may send before more are granted. */
  readonly window: number
}

/**
 * One call, stream or publish in flight, at either end. It is over exactly once: by its own `end`, `fail` or `cancel`,
 * or by the other side's, which its owner is told.
 */
export class Exchange {
  readonly id: number
  readonly #peer: ExchangePeer
  readonly #role: 'caller' | 'callee'
  readonly #window: number
  #credit: number
  #items: Queue<unknown> | undefined
  #over = false
  /** Of the pump: credit came, or room, or the end. */
  #wake: () => void = ignore
  /** What it waits for room by: listened to once, however often credit comes meanwhile. */
  #room: Promise<void> | undefined

  /**
   * Set by the one whose it is. No function: V8 puts one that is written where it is assigned to a property among what
   * is old, and all that it knows (a call, and the megabyte that came with it) stays until everything is marked.
   */
  owner: ExchangeOwner = NOBODY

  constructor(peer: ExchangePeer, options: ExchangeOptions) {
    this.#peer = peer
    this.id = options.id
    this.#role = options.role
    this.#credit = options.credit
    this.#window = options.window
  }

  /** Whether nothing more can be sent or received. */
  get over(): boolean {
    return this.#over
  }

  /** The items that the other side sends. Until somebody has asked for them, they are dropped. */
  get items(): Queue<unknown> {
    this.#items ??= new Queue(
      this.#window,
      bytes => {
        if (!this.#over) this.#peer.send([FrameType.CREDIT, this.id, bytes])
      },
      bytes => this.owner.held?.(bytes),
    )
    return this.#items
  }

  /**
   * Pulls `source` dry as fast as the other side has room, and sends what it yields; resolves with what it returned.
   * When the exchange is over, the source is told to return and the promise resolves with `undefined`.
   * `check` sees every item before it is sent and may replace it, by a promise only where that takes time.
   *
   * @throws whatever the source or `check` throws.
   */
  async pump(source: Source, check: (item: unknown) => unknown = item => item): Promise<unknown> {
    try {
      for (;;) {
        while (!this.#over && !this.#mayItem()) await this.#woken()
        if (this.#over) return leave(source)
        const step = await source.next()
        if (step.done) return step.value
        const checked = check(step.value)
        const item = checked instanceof Promise ? await checked : checked
        if (!this.#over) this.#credit -= this.#peer.send([FrameType.ITEM, this.id, item])
      }
    } catch (error) {
      leave(source)
      throw error
    }
  }

  /** Callee: the result, and the exchange is over. Caller: no more items up. */
  end(value?: unknown): void {
    if (this.#over) return
    this.#peer.send(value === undefined ? [FrameType.END, this.id] : [FrameType.END, this.id, value])
    if (this.#role === 'callee') this.#finish({ kind: 'end', value })
  }

  /** Callee: the exchange is over, badly. Caller: the source of items up failed. */
  fail(error: TautlineError): void {
    if (this.#over) return
    this.#peer.send([FrameType.FAIL, this.id, toWire(error)])
    if (this.#role === 'callee') this.#finish({ kind: 'fail', error })
  }

  /** Caller: nobody waits for the answer any more. */
  cancel(): void {
    if (this.#over) return
    this.#peer.send([FrameType.CANCEL, this.id])
    this.#finish({ kind: 'cancel' })
  }

  /** Callee: ends the exchange against its handler's will (expired, revoked): the caller is told, and so is the owner. */
  abort(error: TautlineError): void {
    if (this.#over) return
    this.fail(error)
    this.owner.ended({ kind: 'fail', error })
  }

  /** The session is gone, and the exchange with it. */
  lose(error: TautlineError): void {
    this.#settle({ kind: 'fail', error })
  }

  /**
   * A frame of this exchange came in.
   *
   * @throws {@link ProtocolError} for items beyond the credit, or a frame that this role never receives.
   */
  receive(frame: Frame, size: number): void {
    switch (frame[0]) {
      case FrameType.ITEM:
        if (this.#items && !this.#items.push(frame[2], size)) throw new ProtocolError('item beyond its credit')
        return
      case FrameType.CREDIT:
        this.#credit += frame[2]
        this.#wake()
        return
      case FrameType.END:
        if (this.#role === 'caller') this.#settle({ kind: 'end', value: frame[2] })
        else this.#items?.end()
        return
      case FrameType.FAIL:
        if (this.#role === 'caller') this.#settle({ kind: 'fail', error: fromWire(frame[2]) })
        else this.#items?.fail(fromWire(frame[2]))
        return
      case FrameType.CANCEL:
        this.owner.ended({ kind: 'cancel' })
        this.fail(new TautlineError('CANCELLED'))
        return
      default:
        throw new ProtocolError('not a frame of an exchange')
    }
  }

  /** Whether there is credit and room for an item; if not, what is missing wakes the pump. */
  #mayItem(): boolean {
    if (this.#credit <= 0) return false
    const room = this.#peer.whenRoom()
    if (room && room !== this.#room) void room.then(() => this.#wake())
    this.#room = room
    return room === undefined
  }

  #woken(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  #settle(outcome: Outcome): void {
    if (this.#over) return
    this.#finish(outcome)
    this.owner.ended(outcome)
  }

  /** Whoever reads items learns of the end as well: what has arrived first, then this. */
  #finish(outcome: Outcome): void {
    this.#over = true
    if (outcome.kind === 'end') this.#items?.end()
    else if (outcome.kind === 'fail') this.#items?.fail(outcome.error)
    else this.#items?.fail(new TautlineError('CANCELLED', 'the caller lost interest'))
    this.#peer.forget(this)
    this.#wake()
  }
}

/** One for all: a function for each exchange would cost more than most of them do. */
function ignore(): void {}

const NOBODY: ExchangeOwner = { ended: ignore }
