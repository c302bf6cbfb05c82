import { FrameType } from '@tautline/core/wire'
import type { ServerLimits } from '@tautline/server'
import type { Fort } from './fort.ts'
import { messageOf, Raider } from './raider.ts'

/** How somebody goes to one limit of a server and beyond it. */
export interface Overrun {
  /** What the server is given, where what stands in the table is more than a test can reach. */
  readonly limit?: number
  /** Resolves when the server has shown that it keeps to the limit; rejects when it has shown that it does not. */
  run(raid: Raid): Promise<unknown>
}

/** One for each of these limits. */
export type Overruns<Names extends keyof ServerLimits> = { readonly [Name in Names]: Overrun }

/** Nobody has the name of somebody who was there before. */
let names = 0

/** Those who go beyond one limit together, each from one of eight addresses. */
export class Raid {
  readonly fort: Fort
  /** The limits of the server. */
  readonly limits: ServerLimits
  readonly #raiders: Raider[] = []
  #came = 0

  constructor(fort: Fort, limits: ServerLimits) {
    this.fort = fort
    this.limits = limits
  }

  /** A name that nobody had before. */
  name(): string {
    return `raider-${++names}`
  }

  /** A TCP connection, and not a word. */
  connected(): Raider {
    return this.#with(new Raider(this.fort.port, this.#from()))
  }

  /** A WebSocket that has said nothing. */
  async upgraded(options = this.#from()): Promise<Raider> {
    return this.#with(await Raider.upgraded(this.fort.port, options))
  }

  /** A session, or one that goes on: its secret, and the frames of it that were received. */
  async joined(token = this.name(), session?: readonly [secret: string, received: number]): Promise<Raider> {
    const hello = session ? { token, session: [...session, 1] as const } : { token }
    return this.#with(await Raider.joined(this.fort.port, hello, this.#from()))
  }

  /** Whether a session goes on when its client comes back, by a name. */
  async resumes(raider: Raider, name: string): Promise<boolean> {
    const secret = raider.found(/session\xb5([\w-]{21})/) ?? ''
    return (await this.joined(name, [secret, 0])).found(/resumed([\xc2\xc3])/) === '\xc3'
  }

  /** What is answered to a keyed call that is answered differently each time it runs, and so many bytes. */
  async ticket(name: string, key: string, bytes: number): Promise<string> {
    const raider = await this.joined(name)
    await raider.write(messageOf([FrameType.CALL, 1, 'ticket', bytes, { key }]))
    await raider.hears(';x')
    return raider.found(/ticket (\d+);/) ?? ''
  }

  /** Has so many do something at once; resolves with all that they made of it. */
  each<One>(count: number, act: (n: number) => Promise<One>): Promise<One[]> {
    return Promise.all(Array.from({ length: count }, (_, n) => act(n)))
  }

  /** How many have come. */
  get size(): number {
    return this.#raiders.length
  }

  /** All are gone without a word, and may come back. */
  leave(): void {
    for (const raider of this.#raiders) raider.leave()
  }

  /** All leave for good; resolves when there is room for others. */
  async end(): Promise<void> {
    for (const raider of this.#raiders) raider.part()
    while ((await this.fort.stats()).sessions.unauthenticated > 0) await pass(5)
  }

  /** Resolves when no more than so many of them are connected. */
  async left(most: number): Promise<void> {
    while ((await this.fort.stats()).sessions.attached > most + 1) await pass(5)
  }

  #from(): { readonly from: string } {
    return { from: `127.0.0.${2 + (this.#came++ % 8)}` }
  }

  #with(raider: Raider): Raider {
    this.#raiders.push(raider)
    return raider
  }
}

/** Fails with what a server that keeps to its limits would do. */
export function expectThat(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`that is not so: ${what}`)
}

export function pass(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
