import { CloseCode, Heartbeat, type Link } from '@tautline/core/wire'
import type { Intake } from './intake.ts'
import type { ServerLimits } from './limits.ts'

/** What was found: all is well, the client must be asked whether it is there, or what its socket is closed with. */
export type Finding = 'well' | 'silent' | typeof CloseCode.SLOW_READER | typeof CloseCode.SILENT

/** Whether a session's client is there, and reads what it is sent. */
export class Liveness {
  readonly #link: Link
  readonly #intake: Intake
  readonly #limits: Pick<ServerLimits, 'heartbeatMs' | 'heartbeatAnswerMs'>
  readonly #heartbeat = new Heartbeat()

  constructor(link: Link, intake: Intake, limits: Pick<ServerLimits, 'heartbeatMs' | 'heartbeatAnswerMs'>) {
    this.#link = link
    this.#intake = intake
    this.#limits = limits
  }

  /** A socket came: nobody has been asked yet. */
  begin(): void {
    this.#heartbeat.reset()
  }

  /**
   * Asked by every sweep while a socket is there.
   *
   * @param stalled - this process was asleep: silence proves nothing, and all begins anew.
   */
  judge(now: number, stalled: boolean): Finding {
    if (stalled) {
      this.#link.grace()
      this.#intake.grace(now)
    } else if (this.#intake.stalled(now)) return CloseCode.SLOW_READER
    const { paused } = this.#intake
    if (stalled || paused) {
      this.#heartbeat.reset()
      // On a socket that is not read nothing is heard, not even its end. TCP tells it to who writes.
      return paused && this.#link.unsentBytes === 0 ? 'silent' : 'well'
    }
    const { heartbeatMs, heartbeatAnswerMs } = this.#limits
    const pulse = this.#heartbeat.judge(now, this.#link.heardAt, {
      silenceMs: heartbeatMs,
      answerMs: heartbeatAnswerMs,
    })
    if (pulse === 'gone') return CloseCode.SILENT
    return pulse === 'ask' ? 'silent' : 'well'
  }
}
