import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node'

/** Told of every message on a subject. */
export type Hear = (message: Msg) => void

interface Followed {
  readonly listeners: Set<Hear>
  subscription: Subscription | undefined
}

/** Who listens to what: one subscription per subject, whatever the number of listeners. */
export class Feeds {
  readonly #followed = new Map<string, Followed>()
  #connection: NatsConnection | undefined

  /** Subscribes on a connection; the client itself does so again whenever that connection is back. */
  attach(connection: NatsConnection): void {
    if (this.#connection === connection) return
    this.#connection = connection
    for (const [subject, followed] of this.#followed) followed.subscription = this.#subscribe(subject, followed)
  }

  /** Listens; returns how to stop. */
  listen(subject: string, hear: Hear): () => void {
    const followed = this.#follow(subject)
    // Who listens twice with one function is told twice.
    const own: Hear = message => hear(message)
    followed.listeners.add(own)
    return () => this.#leave(subject, followed, own)
  }

  close(): void {
    this.#followed.clear()
  }

  #follow(subject: string): Followed {
    const known = this.#followed.get(subject)
    if (known) return known
    const followed: Followed = { listeners: new Set(), subscription: undefined }
    followed.subscription = this.#subscribe(subject, followed)
    this.#followed.set(subject, followed)
    return followed
  }

  #subscribe(subject: string, { listeners }: Followed): Subscription | undefined {
    if (!this.#connection || this.#connection.isClosed()) return undefined
    return this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error) for (const hear of listeners) hear(message)
      },
    })
  }

  #leave(subject: string, followed: Followed, hear: Hear): void {
    if (!followed.listeners.delete(hear) || followed.listeners.size > 0) return
    if (this.#followed.get(subject) === followed) this.#followed.delete(subject)
    if (!this.#connection?.isClosed()) followed.subscription?.unsubscribe()
  }
}
