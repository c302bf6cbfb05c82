import { encodeFrame, FrameType, type Welcome } from '@tautline/core/wire'
import { toldLimits } from './limits.ts'
import type { Settings } from './options.ts'

/** Whom a WELCOME is for. */
export interface Welcomed {
  /** As long as {@link NAME}, in ASCII, and so is `id`. */
  readonly secret: string
  readonly id: string
  readonly resumed: boolean
  /** Counted frames that were received. */
  readonly received: number
}

/** In the place of a name, until somebody has it. Two of them, so that they can be told apart. */
const NAME = 'x'.repeat(21)
const OTHER_NAME = 'y'.repeat(NAME.length)

/**
 * WELCOMEs of a server: the names of a session, how far it has come, and the numbers that its client keeps to. Those of
 * new sessions differ in nothing but two names: for a crowd that comes, all the rest is encoded once.
 */
export class Welcomes {
  readonly #fieldsOf: (welcomed: Welcomed) => Welcome[1]
  readonly #form: Uint8Array
  readonly #secretAt: number
  readonly #idAt: number

  /**
   * @param contract - hash of the contract.
   * @param outcomes - names the memory of keyed calls' outcomes.
   */
  constructor({ limits, route }: Settings, contract: string, outcomes: string) {
    const told = toldLimits(limits)
    this.#fieldsOf = ({ secret, id, resumed, received }) => ({
      session: secret,
      publicId: id,
      resumed,
      received,
      contract,
      heartbeatMs: limits.heartbeatMs,
      resumeMs: limits.resumeMs,
      limits: told,
      route,
      outcomes,
    })
    this.#form = this.#encoded({ secret: NAME, id: OTHER_NAME, resumed: false, received: 0 })
    const text = String.fromCharCode(...this.#form)
    this.#secretAt = text.indexOf(NAME)
    this.#idAt = text.indexOf(OTHER_NAME)
  }

  /** One of them, as a frame. */
  of(welcomed: Welcomed): Uint8Array {
    if (welcomed.resumed || welcomed.received > 0) return this.#encoded(welcomed)
    const bytes = this.#form.slice()
    write(welcomed.secret, bytes, this.#secretAt)
    write(welcomed.id, bytes, this.#idAt)
    return bytes
  }

  #encoded(welcomed: Welcomed): Uint8Array {
    return encodeFrame([FrameType.WELCOME, this.#fieldsOf(welcomed)])
  }
}

function write(ascii: string, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < NAME.length; i++) bytes[at + i] = ascii.charCodeAt(i)
}
