import {
  type Call,
  Deadlines,
  decodeMessage,
  type Exchange,
  encodeFrame,
  type Frame,
  FrameType,
  type HelloFields,
  Inlet,
  Peer,
  type Publish,
  parseFromClient,
  pipe,
  SCAN_LIMITS,
  type Socket,
  type WelcomeFields,
} from '@tautline/core/wire'
import type { VirtualClock } from '@tautline/testing'

/** What every WELCOME says unless the test wants otherwise. */
export const LIMITS: WelcomeFields['limits'] = {
  messageBytes: 1_048_576,
  window: 262_144,
  calls: 256,
  callBytes: 8_388_608,
  subscriptions: 128,
  rate: 1_000,
  burst: 2_000,
  replayBytes: 1_048_576,
  timeoutMs: 3_600_000,
}

/** A call, stream or publish that the server was asked for. */
export interface Asked {
  readonly exchange: Exchange
  readonly frame: Call | Publish
}

/** One socket that the client dialled, seen from its far end. */
export class Dialled {
  readonly url: URL
  readonly socket: Socket
  hello: HelloFields | undefined
  session: FakeSession | undefined
  closed: { readonly code: number; readonly reason: string } | undefined

  constructor(url: string, socket: Socket) {
    this.url = new URL(url)
    this.socket = socket
  }

  /** The line breaks, and both ends learn of it. */
  cut(): void {
    this.session?.peer.link.detach()
    this.socket.abandon()
    this.closed ??= { code: 1006, reason: '' }
  }

  close(code: number, reason = ''): void {
    this.session?.peer.link.detach()
    this.socket.close(code, reason)
    this.closed ??= { code, reason }
  }

  /** Whatever the client sends from now on is lost, and nothing comes back: a half-open line. */
  silence(): void {
    this.session?.peer.link.detach()
    this.socket.listen({
      message: () => undefined,
      drain: () => undefined,
      close: (code, reason) => {
        this.closed = { code, reason }
      },
    })
  }
}

/** A session as the server keeps it. */
export class FakeSession {
  readonly id: string
  readonly inlet = new Inlet(16_777_216)
  readonly peer: Peer
  readonly asked: Asked[] = []
  readonly frames: Frame[] = []

  constructor(server: FakeServer, id: string) {
    this.id = id
    const options = {
      parse: parseFromClient,
      clock: server.clock,
      deadlines: server.deadlines,
      limits: {
        sendBytes: 16_777_216,
        receiveBytes: 16_777_216,
        replayBytes: 1_048_576,
        itemWaterBytes: 1_048_576,
        scan: SCAN_LIMITS,
      },
      window: server.welcome.limits?.window ?? LIMITS.window,
    }
    this.peer = new Peer(options, {
      opened: (exchange, frame) => {
        const asked = { exchange, frame }
        this.asked.push(asked)
        server.handle(asked, this)
      },
      frame: frame => this.frames.push(frame),
      broken: error => {
        throw error
      },
      closed: (code, reason) => {
        const dialled = server.dials.findLast(({ session }) => session === this)
        if (dialled) dialled.closed = { code, reason }
      },
      overflowed: () => undefined,
    })
    this.peer.link.through(this.inlet)
  }
}

/** The far end of everything the client dials, as a test tells it to behave. */
export class FakeServer {
  readonly clock: VirtualClock
  readonly deadlines: Deadlines
  readonly dials: Dialled[] = []
  readonly sessions = new Map<string, FakeSession>()
  /** What WELCOME says beside the defaults. */
  welcome: Partial<WelcomeFields> = {}
  /** What becomes of a call; by default it is left open. */
  handle: (asked: Asked, session: FakeSession) => unknown = () => undefined
  /** What becomes of a HELLO. */
  greet: (dialled: Dialled, hello: HelloFields) => void = (dialled, hello) => this.resume(dialled, hello)
  #sessions = 0

  constructor(clock: VirtualClock) {
    this.clock = clock
    this.deadlines = new Deadlines(clock, 10)
  }

  /** For `connect({ socket })`. */
  readonly socket = (url: string): Socket => {
    const [near, far] = pipe(this.clock)
    const dialled = new Dialled(url, far)
    this.dials.push(dialled)
    far.listen({
      message: bytes => {
        decodeMessage(bytes, SCAN_LIMITS, value => {
          const frame = parseFromClient(value)
          if (frame?.[0] !== FrameType.HELLO) throw new Error('a first frame that is no HELLO')
          dialled.hello = frame[1]
        })
        if (dialled.hello) this.greet(dialled, dialled.hello)
      },
      drain: () => undefined,
      close: (code, reason) => {
        dialled.closed = { code, reason }
      },
    })
    return near
  }

  /** The newest socket. */
  get last(): Dialled {
    const last = this.dials.at(-1)
    if (!last) throw new Error('nobody has dialled')
    return last
  }

  /** The newest session. */
  get session(): FakeSession {
    const session = [...this.sessions.values()].at(-1)
    if (!session) throw new Error('there is no session')
    return session
  }

  /** Takes a client in: its session goes on when it is still here. */
  resume(dialled: Dialled, { session: asked }: HelloFields): void {
    const session = asked && this.sessions.get(asked[0])
    const received = asked?.[1] ?? 0
    if (!session?.peer.link.resumable(received)) return this.begin(dialled)
    session.peer.link.detach()?.close(4590, 'replaced')
    this.#attach(dialled, session, true, received)
  }

  /** Takes a client in with a new session. */
  begin(dialled: Dialled): void {
    this.#sessions += 1
    const session = new FakeSession(this, `session${this.#sessions}`)
    this.sessions.set(session.id, session)
    this.#attach(dialled, session, false, 0)
  }

  #attach(dialled: Dialled, session: FakeSession, resumed: boolean, received: number): void {
    dialled.session = session
    const welcome = encodeFrame([
      FrameType.WELCOME,
      {
        session: session.id,
        publicId: `public-${session.id}`,
        resumed,
        received: session.peer.link.received,
        heartbeatMs: 25_000,
        resumeMs: 30_000,
        limits: LIMITS,
        ...this.welcome,
      },
    ])
    session.peer.link.attach(dialled.socket, received, welcome)
  }

  /** Sends bytes to the newest socket that no session counts. */
  say(...frames: Frame[]): void {
    for (const frame of frames) this.last.socket.send(encodeFrame(frame))
  }
}
