import { type Clock, CloseCode, type Deadline, type Deadlines } from '@tautline/core/wire'
import type { Broker, BrokerStatus } from './broker.ts'
import { LEAVING_PER_MS } from './drain.ts'
import { networkOf } from './network.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

/** Who has calls open when it is sent away may finish them first, for so many ms. */
const FINISH_MS = 10_000
/** How often it is looked who has, in ms. */
const LOOK_MS = 100
/** Addresses that are told apart at the door. Whoever comes from another one is let in at once. */
const ADDRESSES = 10_000

/** What a server needs to know and to do when its broker is away. */
export interface IsolationParts {
  readonly broker: Broker
  readonly sessions: Sessions
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** For so long, in ms, everybody stays: it may be back soon. */
  readonly graceMs: number
}

type State =
  /** The broker is there. */
  | { readonly kind: 'well' }
  /** It is not, and everybody waits with the server. */
  | { readonly kind: 'waiting'; readonly deadline: Deadline }
  /** It stays away. */
  | {
      readonly kind: 'alone'
      /** Who is still to be sent away, and when. */
      readonly leaving: Map<Session, number>
      /** How often somebody from an address is still to be turned away at the door. */
      readonly refusals: Map<string, number>
      next: Deadline | undefined
    }

/**
 * Sends the clients of a server elsewhere that has been cut off from its broker: each once, with 4006, at a time of its
 * own. Whether there is another server that is better off, nobody here can know. So a client that comes is turned away
 * once, for a balancer to ask the next server; when it comes again there was none, and it stays.
 */
export class Isolation {
  readonly #parts: IsolationParts
  readonly #stop: () => void
  #state: State = { kind: 'well' }

  constructor(parts: IsolationParts) {
    this.#parts = parts
    this.#stop = parts.broker.onStatus(status => this.#told(status))
    this.#told(parts.broker.status)
  }

  /** Whether somebody from this address may come in. Asked once per client that does. */
  admits(address: string | undefined): boolean {
    const network = networkOf(address)
    if (this.#state.kind !== 'alone' || network === undefined) return true
    const { refusals } = this.#state
    const left = refusals.get(network) ?? (refusals.size < ADDRESSES ? 1 : 0)
    if (left === 0) return true
    refusals.set(network, left - 1)
    return false
  }

  /** Nobody is sent away any more. */
  close(): void {
    this.#stop()
    this.#become({ kind: 'well' })
  }

  #told(status: BrokerStatus): void {
    if (status === 'up') return this.#become({ kind: 'well' })
    if (this.#state.kind !== 'well') return
    const { deadlines, graceMs } = this.#parts
    this.#become({ kind: 'waiting', deadline: deadlines.add(graceMs, () => this.#begin()) })
  }

  #begin(): void {
    const now = this.#parts.clock.now()
    const attached = [...this.#parts.sessions].filter(session => session.attached)
    const leaving = new Map(attached.map((session, index) => [session, now + index / LEAVING_PER_MS]))
    this.#become({ kind: 'alone', leaving, refusals: new Map(), next: undefined })
    this.#look()
  }

  /** The one writer of the state. */
  #become(next: State): void {
    const { deadlines } = this.#parts
    if (this.#state.kind === 'waiting') deadlines.delete(this.#state.deadline)
    if (this.#state.kind === 'alone') deadlines.delete(this.#state.next)
    this.#state = next
  }

  readonly #look = (): void => {
    const state = this.#state
    if (state.kind !== 'alone') return
    const now = this.#parts.clock.now()
    for (const [session, at] of state.leaving) {
      const due = now >= at && (!session.busy || now >= at + FINISH_MS)
      // Whose socket was lost meanwhile has been at the door.
      if (due || !session.attached) state.leaving.delete(session)
      if (due && session.attached) this.#send(session, state.refusals)
    }
    if (state.leaving.size > 0) state.next = this.#parts.deadlines.add(LOOK_MS, this.#look)
  }

  /** The session stays: a client that comes back to it goes on as if nothing had been. */
  #send(session: Session, refusals: Map<string, number>): void {
    const network = networkOf(session.address)
    const known = network !== undefined && (refusals.has(network) || refusals.size < ADDRESSES)
    if (known) refusals.set(network, (refusals.get(network) ?? 0) + 1)
    session.drop(CloseCode.STATE_LOST, 'the server is cut off from its broker')
  }
}
