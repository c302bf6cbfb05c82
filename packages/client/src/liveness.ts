import { Sweep } from '@tautline/core/wire'
import type { Session } from './session.ts'
import type { Traffic } from './traffic.ts'

/** How long a server may take to show that it is still there after something has changed, in ms. */
const PROOF_MS = 3_000
/** How often the server is asked for whoever listens to the latency, in sweeps. */
const LATENCY_SWEEPS = 5
const MOST_PATIENCE = 64

/** What liveness asks and tells the connection. */
export interface LivenessEvents {
  /** Whether anybody wants to know the latency. */
  measures(): boolean
  /** The server of this session is not there any more; its socket is given up. */
  gone(session: Session): void
}

/** Watches the sessions of a connection: is the server still there? (guarantees.md, "Liveness") */
export class Liveness {
  readonly #traffic: Traffic
  readonly #events: LivenessEvents
  readonly #sweep: Sweep
  /** By how much more time than usual an answer is given. */
  #patience = 1
  #sweeps = 0
  #proof: unknown

  constructor(traffic: Traffic, events: LivenessEvents) {
    this.#traffic = traffic
    this.#events = events
    this.#sweep = new Sweep(traffic.clock, (now, stalled) => this.#look(now, stalled))
  }

  /** Watches from now on, for as long as there is a socket. */
  start(): void {
    this.#sweep.start()
  }

  stop(): void {
    this.#sweep.stop()
    this.#traffic.deadlines.delete(this.#proof)
    this.#proof = undefined
  }

  /** The network or the page has changed: a socket that looks open must prove it. */
  prove(): void {
    const { deadlines, session, clock } = this.#traffic
    if (!session || this.#proof) return
    const askedAt = clock.now()
    session.ping()
    this.#proof = deadlines.add(PROOF_MS * this.#patience, () => {
      this.#proof = undefined
      if (session.attached && session.peer.link.heardAt < askedAt) this.#abandon(session)
    })
  }

  #look(now: number, stalled: boolean): void {
    const { session, leaving } = this.#traffic
    if (!session?.attached && !leaving?.attached) return this.#sweep.stop()
    this.#sweeps += 1
    const measures = this.#sweeps % LATENCY_SWEEPS === 0 && this.#events.measures()
    for (const each of [session, leaving]) {
      if (!each?.attached) continue
      if (!each.alive(now, stalled, this.#patience)) this.#abandon(each)
      else if (measures) each.ping()
    }
  }

  /** Nobody waits for its `close`. A large message on a thin line looks the same, and needs more time the next time. */
  #abandon(session: Session): void {
    this.#patience = session.fresh ? 1 : Math.min(MOST_PATIENCE, this.#patience * 2)
    session.detach()
    this.#events.gone(session)
  }
}
