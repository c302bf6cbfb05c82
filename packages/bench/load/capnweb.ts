import { BLOB, POST } from '../work.ts'
import { Client } from './client.ts'

const BASE64 = Buffer.from(BLOB).toString('base64').replace(/=+$/, '')

type Said = readonly [kind: string, ...rest: readonly unknown[]]

/** A call as it is pushed or streamed: of what, which method, and with what. */
type Pushed = readonly [kind: string, of: number, path: readonly string[], input: readonly unknown[]]

/** Cap'n Web's JSON: push and pull for a call, release for its answer. */
export class CapnwebClient extends Client {
  #id = 0
  /** What the server pushed, piped and streamed so far: each has a number that both sides count. */
  #theirs = 0

  call(text?: string): void {
    this.#ask('post', text === undefined ? POST : { room: 'lobby', text })
  }

  echo(): void {
    this.#ask('echo', ['bytes', BASE64])
  }

  stream(count: number): void {
    this.#ask('export', count)
  }

  subscribe(): void {
    this.#ask('feed', ['export', -1])
  }

  protected hear(data: Buffer): void {
    const said = JSON.parse(data.toString('latin1')) as Said
    switch (said[0]) {
      case 'resolve':
        this.#tell(['release', said[1], 1])
        // A stream has only begun.
        if ((said[2] as readonly unknown[] | undefined)?.[0] !== 'readable') this.onAnswer(said[2])
        return
      case 'pipe':
        this.#theirs += 1
        return
      case 'push':
        this.#theirs += 1
        return this.onMessages(1, (said[1] as Pushed)[3][0])
      case 'stream': {
        this.#theirs += 1
        this.#tell(['resolve', this.#theirs, ['undefined']])
        const [, , [method], input] = said[1] as Pushed
        return method === 'close' ? this.onAnswer() : this.onItems(1, input[0])
      }
      case 'release':
        return
      default:
        throw new Error(`unexpected: ${data}`)
    }
  }

  #ask(method: string, input: unknown): void {
    this.#id += 1
    this.#tell(['push', ['pipeline', 0, [method], [input]]])
    this.#tell(['pull', this.#id])
  }

  #tell(message: Said): void {
    this.say(JSON.stringify(message))
  }
}
