import {
  CloseCode,
  type Deadline,
  type Deadlines,
  decodeMessage,
  type Frame,
  FrameType,
  type HelloFields,
  meaningOf,
  ProtocolError,
  parseFromClient,
  reasonOf,
  type Socket,
} from '@tautline/core/wire'
import type { Arrival } from './arrival.ts'
import type { Authenticator, Verdict } from './auth.ts'
import type { ServerLimits } from './limits.ts'
import type { Sessions } from './sessions.ts'
import { isThenable } from './thenable.ts'

/** What all newcomers of a server share. */
export interface NewcomerParts {
  readonly limits: ServerLimits
  readonly deadlines: Deadlines
  readonly authenticator: Authenticator
  readonly sessions: Sessions
  /** It is gone, or has a session. */
  onSettled(newcomer: Newcomer): void
}

type State =
  /** Nothing was heard yet. */
  | { readonly at: 'silent'; readonly deadline: Deadline }
  /** HELLO came; until WELCOME nothing else may. */
  | { readonly at: 'asking' }
  /** It is gone, or has a session. */
  | { readonly at: 'settled' }

const ASKING: State = { at: 'asking' }
const SETTLED: State = { at: 'settled' }

/** A socket that nobody knows yet: from its opening to WELCOME. */
export class Newcomer {
  readonly address: string | undefined
  /** For whoever let it in: it is gone, or has a session. */
  readonly onKnown: () => void
  readonly #socket: Socket
  readonly #arrival: Arrival
  readonly #parts: NewcomerParts
  #state: State

  constructor(socket: Socket, arrival: Arrival, parts: NewcomerParts, onKnown: () => void) {
    this.address = arrival.address
    this.onKnown = onKnown
    this.#socket = socket
    this.#arrival = arrival
    this.#parts = parts
    this.#state = { at: 'silent', deadline: parts.deadlines.add(parts.limits.helloMs, () => this.#late()) }
    socket.listen({
      message: bytes => this.#message(bytes),
      drain: () => undefined,
      close: () => this.#settle(),
    })
  }

  /** Turns it away. */
  close(code: number, reason = meaningOf(code).name): void {
    if (this.#state.at === 'settled') return
    this.#settle()
    this.#socket.close(code, reasonOf(reason))
  }

  /** Judged one timer later: if it was this process that slept, what had arrived is read in between. */
  #late(): void {
    this.#state = { at: 'silent', deadline: this.#parts.deadlines.add(1, () => this.close(CloseCode.NO_HELLO)) }
  }

  #message(bytes: Uint8Array): void {
    if (this.#state.at === 'settled') return
    if (this.#state.at === 'asking')
      return this.close(CloseCode.PROTOCOL_ERROR, 'nothing may follow HELLO before WELCOME')
    const hello = helloOf(bytes, this.#parts.limits)
    if (hello instanceof ProtocolError) return this.close(hello.code, hello.reason)
    this.#parts.deadlines.delete(this.#state.deadline)
    this.#state = ASKING
    this.#ask(hello)
  }

  #ask(hello: HelloFields): void {
    const { authenticator, sessions } = this.#parts
    const verdict = authenticator.ask(hello.token, this.#arrival, sessions.named(hello)?.context)
    if (isThenable(verdict)) void verdict.then(found => this.#judged(hello, found))
    else this.#judged(hello, verdict)
  }

  #judged(hello: HelloFields, verdict: Verdict): void {
    if (this.#state.at === 'settled') return
    if (verdict.kind === 'refused') return this.close(verdict.code, verdict.reason)
    this.#settle()
    this.#parts.sessions.welcome(this.#socket, hello, this.#arrival, verdict.credentials)
  }

  #settle(): void {
    if (this.#state.at === 'silent') this.#parts.deadlines.delete(this.#state.deadline)
    if (this.#state.at === 'settled') return
    this.#state = SETTLED
    this.#parts.onSettled(this)
  }
}

function helloOf(bytes: Uint8Array, limits: ServerLimits): HelloFields | ProtocolError {
  if (bytes.length > limits.helloBytes) return new ProtocolError(`HELLO of more than ${limits.helloBytes} bytes`)
  const frames: (Frame | undefined)[] = []
  try {
    decodeMessage(bytes, limits, value => frames.push(parseFromClient(value)))
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
  const [hello] = frames
  const isAlone = frames.length === 1 && hello?.[0] === FrameType.HELLO
  return isAlone ? hello[1] : new ProtocolError('the first message is HELLO alone')
}
