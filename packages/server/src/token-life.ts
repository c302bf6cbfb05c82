/** A client that was asked for a fresh token has so many ms before it is asked again. */
const ASK_AGAIN_MS = 10_000

/** What is to be done about a token: nothing, ask for a fresh one, or nobody is known any more. */
export type TokenState = 'good' | 'due' | 'expired'

/** For how long what `authenticate` found out is true. */
export class TokenLife {
  readonly #askMs: number
  #askAt = Number.POSITIVE_INFINITY
  #expiresAt = Number.POSITIVE_INFINITY

  /** @param askMs - how long before its end a fresh token is asked for; half of its life when that is shorter. */
  constructor(askMs: number) {
    this.#askMs = askMs
  }

  /** A token was accepted that is good for `lifeMs`. */
  begin(now: number, lifeMs: number): void {
    this.#expiresAt = now + lifeMs
    this.#askAt = now + Math.max(lifeMs - this.#askMs, lifeMs / 2)
  }

  /** To be asked by every sweep. `'expired'` comes once. */
  judge(now: number): TokenState {
    if (now >= this.#expiresAt) {
      this.#expiresAt = this.#askAt = Number.POSITIVE_INFINITY
      return 'expired'
    }
    if (now < this.#askAt) return 'good'
    this.#askAt = now + ASK_AGAIN_MS
    return 'due'
  }
}
