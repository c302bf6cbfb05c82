/** The tokens that a client brings while it is here: one is looked at at a time, and of those that wait, the newest. */
export class Refresh {
  readonly #look: (token: string | undefined) => Promise<void>
  #newest: { readonly token: string | undefined } | undefined
  #looking = false

  /** @param look - looks at a token; never rejects. */
  constructor(look: (token: string | undefined) => Promise<void>) {
    this.#look = look
  }

  /** Here is one. */
  bring(token: string | undefined): void {
    this.#newest = { token }
    if (!this.#looking) void this.#lookAtAll()
  }

  async #lookAtAll(): Promise<void> {
    this.#looking = true
    for (let next = this.#newest; next; next = this.#newest) {
      this.#newest = undefined
      await this.#look(next.token)
    }
    this.#looking = false
  }
}
