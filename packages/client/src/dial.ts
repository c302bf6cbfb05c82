import {
  decodeMessage,
  encodeFrame,
  type HelloFields,
  ONE_FRAME,
  ProtocolError,
  parseFromServer,
  type Socket,
  type Timers,
  type WelcomeFields,
} from '@tautline/core/wire'
import * as CloseCode from '@tautline/core/wire/close-code'
import * as FrameType from '@tautline/core/wire/frame-type'

/** What a dial needs, and whom it tells. Exactly one of `welcomed` and `failed` is told, unless it is hung up before. */
export interface Dialling {
  readonly deadlines: Timers
  /** How long each step may take: the token, the socket, the welcome. In ms. */
  readonly stepMs: number
  /** @throws {@link TautlineError} when there is none to be had. */
  token(): Promise<string | undefined>
  /** @throws when there is nothing to dial. */
  socket(): Socket
  /** Asked when the socket is open, with the token. */
  hello(token: string | undefined): HelloFields
  welcomed(socket: Socket, welcome: WelcomeFields): void
  /** The socket closed with this code, or could not even be opened. */
  failed(code: number, reason: string): void
  /** The token could not be had. */
  noToken(error: unknown): void
}

/**
 * One attempt at a connection: token, socket, HELLO, WELCOME.
 *
 * @returns what gives it up; nobody is told any more.
 */
export function dial(dialling: Dialling): () => void {
  const { deadlines, stepMs } = dialling
  let socket: Socket | undefined
  let deadline: unknown
  let over = false

  const step = (what: string): void => {
    deadlines.delete(deadline)
    deadline = deadlines.add(stepMs, () => fail(CloseCode.ABNORMAL, `no ${what} in time`))
  }
  const finish = (): boolean => {
    if (over) return false
    over = true
    deadlines.delete(deadline)
    return true
  }
  const hangUp = (): void => {
    if (finish()) socket?.abandon()
  }
  const fail = (code: number, reason: string): void => {
    if (over) return
    hangUp()
    dialling.failed(code, reason)
  }

  const open = (token: string | undefined): void => {
    if (over) return
    step('connection')
    try {
      socket = dialling.socket()
    } catch (error) {
      // Trying again would find the same: a URL that is none, or one that the page may not open.
      return fail(CloseCode.PROTOCOL_ERROR, error instanceof Error ? error.message : String(error))
    }
    const opened = socket
    opened.listen({
      open() {
        if (over) return
        step('welcome')
        opened.send(encodeFrame([FrameType.HELLO, dialling.hello(token)]))
      },
      message(bytes) {
        if (!finish()) return
        const welcome = welcomeIn(bytes)
        if (!(welcome instanceof ProtocolError)) return dialling.welcomed(opened, welcome)
        opened.close(welcome.code, welcome.reason)
        dialling.failed(welcome.code, welcome.reason)
      },
      drain: () => undefined,
      close: fail,
    })
  }

  step('token')
  // Not before whoever dials knows that it does: what asks for the token may use the connection itself.
  Promise.resolve()
    .then(() => dialling.token())
    .then(open, (error: unknown) => {
      if (finish()) dialling.noToken(error)
    })
  return hangUp
}

/** The first message is WELCOME alone. */
function welcomeIn(bytes: Uint8Array): WelcomeFields | ProtocolError {
  let welcome: WelcomeFields | ProtocolError = new ProtocolError('a first message that is not WELCOME alone')
  try {
    decodeMessage(bytes, ONE_FRAME, value => {
      const frame = parseFromServer(value)
      if (frame?.[0] === FrameType.WELCOME) welcome = frame[1]
    })
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
  return welcome
}
