import { type Api, connect, contract, type Gap, procedure, queue, stream, topic } from '@tautline/client'
import {
  decodeMessage,
  encodeFrame,
  type Frame,
  FrameType,
  type Position,
  parseFrame,
  pipe,
  positionText,
  SCAN_LIMITS,
  type Side,
  type Socket,
} from '@tautline/core/wire'
import { anyone, type Handlers, serve } from '@tautline/server'
import { VirtualClock } from '@tautline/testing'
import { expect } from 'vitest'
import * as z from 'zod'

/** What a dialogue of docs/protocol-vectors.json consists of: see docs/protocol.md, "Test vectors". */
export interface Step {
  readonly socket?: number
  readonly opened?: boolean
  readonly at?: string
  readonly closed?: number
  readonly by?: string
  readonly lost?: boolean
  readonly from?: string
  readonly frame?: readonly unknown[]
  readonly hex?: string
  readonly arrives?: boolean
  readonly crosses?: boolean
  readonly client?: string
  readonly server?: string
  readonly passes?: number
  readonly [more: string]: unknown
}

/** A whole conversation. */
export interface Dialogue {
  readonly name: string
  readonly about: string
  /** The sides that can be played against a real other one; both when absent. */
  readonly plays?: readonly string[]
  readonly steps: readonly Step[]
}

/** The application of all dialogues. */
export const application = contract({
  greet: procedure({ input: z.object({ name: z.string(), afterMs: z.number() }), output: z.string() }),
  sum: stream({ up: z.number(), down: z.number(), result: z.number() }),
  log: topic({ params: z.object({ room: z.string() }), message: z.string(), retain: { count: 3 } }),
})

/** May come at any time, and say nothing about what a dialogue is about. */
const ANYWHERE: readonly number[] = [FrameType.PING, FrameType.PONG, FrameType.ACK]

/** How long something may take to happen, in ms of virtual time. */
const PATIENCE_MS = 300

/** Plays the client of a dialogue against the real server. */
export async function playClient({ steps }: Dialogue, madeUp: ReadonlySet<string>): Promise<void> {
  const clock = new VirtualClock()
  const servers = { here: await serverOf(clock), elsewhere: await serverOf(clock) }
  const names = new Names(madeUp)
  const ends = new Map<number, End>()
  const going: Promise<unknown>[] = []

  for (const step of steps) {
    const end = ends.get(step.socket ?? 0)
    if (step.opened) {
      const [near, far] = pipe(clock)
      ends.set(step.socket ?? 0, new End(near, 'server'))
      servers[step.at === 'elsewhere' ? 'elsewhere' : 'here'].accept(far)
    } else if (step.server === 'publishes') {
      await servers.here.publish(application.log, step['params'] as { room: string }, String(step['message']))
    } else if (step.server === 'drains') going.push(servers.here.close({ withinMs: Number(step['withinMs']) }))
    else if (step.passes !== undefined) await clock.advance(step.passes)
    else if (step.lost) end?.socket.abandon()
    else if (step.closed !== undefined && step.by === 'client') end?.socket.close(step.closed, '')
    else if (step.closed !== undefined) {
      await until(clock, () => end?.closed !== undefined)
      expect(end?.closed).toBe(step.closed)
    } else if (step.from === 'client' && step.arrives !== false) {
      end?.socket.send(encodeFrame(names.learn(step.frame) as Frame))
    } else if (step.from === 'server') {
      const got = await end?.next(clock)
      expect(names.learn(step.frame, got?.frame)).toEqual(plain(got?.frame))
    }
    await clock.settle()
  }
  for (const end of ends.values()) {
    expect(end.left).toEqual([])
    end.socket.close(1000, '')
  }
  going.push(servers.here.close({ withinMs: 0 }), servers.elsewhere.close({ withinMs: 0 }))
  await clock.advance(2_000)
  await Promise.all(going)
  expect(clock.pending).toBe(0)
}

/** Plays the server of a dialogue against the real client. */
export async function playServer({ steps }: Dialogue): Promise<void> {
  const clock = new VirtualClock()
  const dialled: End[] = []
  const { api, connection } = connect(application, {
    url: 'ws://dialogue',
    clock,
    random: () => 0,
    socket() {
      const [near, far] = pipe(clock)
      dialled.push(new End(far, 'client'))
      return near
    },
  })
  const app = new App(api)

  for (const [index, step] of steps.entries()) {
    const end = dialled[(step.socket ?? 0) - 1]
    if (step.opened) await until(clock, () => dialled.length >= (step.socket ?? 0))
    else if (step.client) await app.do(step, clock)
    else if (step.passes !== undefined) await clock.advance(step.passes)
    else if (step.lost) end?.socket.abandon()
    else if (step.closed !== undefined && step.by === 'server') end?.socket.close(step.closed, '')
    else if (step.closed !== undefined) {
      await until(clock, () => end?.closed !== undefined)
      expect(end?.closed).toBe(step.closed)
    } else if (step.from === 'client') expect((await end?.next(clock))?.hex).toBe(unspaced(step.hex))
    else if (step.from === 'server' && step.arrives !== false) {
      const next = steps.slice(index + 1).find(({ from }) => from)
      if (next?.crosses) app.held.push(() => end?.socket.send(bytesOf(step.hex)))
      else end?.socket.send(bytesOf(step.hex))
    }
    if (step.crosses) for (const arrive of app.held.splice(0)) arrive()
    await clock.settle()
  }
  expect(app.told).toEqual([])
  for (const end of dialled) expect(end.left).toEqual([])
  connection.close()
  await clock.settle()
  expect(clock.pending).toBe(0)
}

/** The side that is played: what the real one sends on one socket. */
class End {
  readonly socket: Socket
  readonly #from: Side
  readonly #got: { readonly frame: readonly unknown[]; readonly hex: string }[] = []
  closed: number | undefined

  constructor(socket: Socket, from: Side) {
    this.socket = socket
    this.#from = from
    socket.listen({
      message: bytes => this.#take(bytes),
      drain: () => undefined,
      close: code => {
        this.closed = code
      },
    })
  }

  /** Frames that came and that nobody has asked for. */
  get left(): readonly unknown[] {
    return this.#got.map(({ frame }) => frame)
  }

  async next(clock: VirtualClock) {
    await until(clock, () => this.#got.length > 0)
    return this.#got.shift()
  }

  #take(bytes: Uint8Array): void {
    let at = 0
    decodeMessage(bytes, SCAN_LIMITS, (value, size) => {
      const hex = Buffer.from(bytes.subarray(at, at + size)).toString('hex')
      at += size
      const frame = parseFrame(value, this.#from)
      if (frame && !ANYWHERE.includes(frame[0])) this.#got.push({ frame: value, hex })
    })
  }
}

/** What the client's application does and is told. */
class App {
  readonly held: (() => void)[] = []
  /** What it was told and no step has spoken of. */
  readonly told: unknown[] = []
  readonly #api: Api<typeof application>
  #abort = new AbortController()
  #numbers = queue<number>()

  constructor(api: Api<typeof application>) {
    this.#api = api
  }

  async do(step: Step, clock: VirtualClock): Promise<void> {
    switch (step.client) {
      case 'calls':
        return this.#call(step)
      case 'cancels':
        return this.#abort.abort()
      case 'opens':
        this.#numbers = queue()
        return void this.#read()
      case 'pushes':
        return void this.#numbers.push(Number(step['item']))
      case 'ends':
        return this.#numbers.end()
      case 'subscribes':
        return this.#listen(step['params'] as { room: string })
      default: {
        await until(clock, () => this.told.length > 0)
        const { client: _, ...expected } = step
        return expect(this.told.shift()).toEqual(positions(expected))
      }
    }
  }

  #call({ input, key, timeout }: Step): void {
    this.#abort = new AbortController()
    const { signal } = this.#abort
    const options = { signal, timeout: Number(timeout), idempotencyKey: key as string | undefined }
    this.#await(this.#api.greet(input as { name: string; afterMs: number }, options))
  }

  #await(answer: Promise<unknown>): void {
    answer.then(
      value => this.told.push({ value }),
      ({ code, mayHaveRun }) => this.told.push({ error: { code, mayHaveRun } }),
    )
  }

  async #read(): Promise<void> {
    const sums = this.#api.sum(undefined, { up: this.#numbers })
    for await (const item of sums) this.told.push({ item })
    this.#await(sums.result)
  }

  #listen(params: { room: string }): void {
    this.#api.log(params).subscribe(message => this.told.push({ message }), {
      onGap: ({ after, until }: Gap) => this.told.push({ gap: { after, until } }),
    })
  }
}

/** What a real server makes up, and how it is called in the dialogues. */
class Names {
  readonly #madeUp: ReadonlySet<string>
  readonly #real = new Map<string, string>()

  constructor(madeUp: ReadonlySet<string>) {
    this.#madeUp = madeUp
  }

  /** What is expected, with the real names in it; learns from `got` those that are new. */
  learn(expected: unknown, got?: unknown): unknown {
    if (typeof expected === 'string' && this.#madeUp.has(expected)) {
      if (!this.#real.has(expected) && typeof got === 'string') this.#real.set(expected, got)
      return this.#real.get(expected) ?? expected
    }
    if (typeof expected !== 'object' || expected === null) return expected
    const inner = (name: string | number) => (got as Record<string | number, unknown> | undefined)?.[name]
    if (Array.isArray(expected)) return expected.map((item, i) => this.learn(item, inner(i)))
    return Object.fromEntries(Object.entries(expected).map(([name, item]) => [name, this.learn(item, inner(name))]))
  }
}

function serverOf(clock: VirtualClock) {
  const handlers: Handlers<typeof application> = {
    async greet({ name, afterMs }) {
      if (afterMs > 0) await new Promise<void>(resolve => clock.setTimeout(resolve, afterMs))
      return `hello ${name}`
    },
    async *sum(_, { up }) {
      let sum = 0
      for await (const number of up) {
        sum += number
        yield sum
      }
      return sum
    },
    log: { subscribe: anyone },
  }
  return serve(application, { clock, authenticate: anyone }, handlers)
}

async function until(clock: VirtualClock, isTrue: () => boolean): Promise<void> {
  await clock.settle()
  for (let waited = 0; !isTrue() && waited < PATIENCE_MS; waited += 10) await clock.advance(10)
  expect(isTrue(), 'it never happened').toBe(true)
}

/** A position is a pair on the wire, and a string for applications. */
function positions({ gap, ...rest }: Readonly<Record<string, unknown>>): unknown {
  if (!gap) return rest
  const text = (position: unknown) => positionText(position as Position)
  const { after, until } = gap as { after: unknown; until: unknown }
  return { gap: { after: text(after), until: text(until) } }
}

function plain(frame: unknown): unknown {
  return JSON.parse(JSON.stringify(frame))
}

function unspaced(hex = ''): string {
  return hex.replaceAll(' ', '')
}

function bytesOf(hex: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(unspaced(hex), 'hex'))
}
