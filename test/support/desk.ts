import { contract, procedure, stream } from '@tautline/core'
import type { Handlers, ServeOptions } from '@tautline/server'
import * as z from 'zod'
import { Pair, type Transport } from './pair.ts'

const Text = z.object({ text: z.string().max(2_000_000) })

/** Procedures and streams of every shape. */
export const desk = contract({
  /** Says it back. */
  say: procedure({ input: z.string(), output: z.string() }),
  /** Whatever the wire carries. */
  mirror: procedure({ input: z.any(), output: z.any() }),
  /** A number of a text, made by the schema: a second parse would fail. */
  parsed: procedure({ input: z.string().transform(Number), output: z.number().transform(n => `${n}!`) }),
  book: procedure({
    input: Text,
    output: z.object({ id: z.number() }),
    errors: { TAKEN: z.object({ until: z.date() }), SHUT: null },
  }),
  /** Answers when the test says so. */
  ask: procedure({ input: z.string(), output: z.string() }),
  askAgain: procedure({ input: z.string(), output: z.string(), idempotent: true }),
  quick: procedure({ input: z.string(), output: z.string(), timeout: 500 }),
  heading: procedure({ output: z.string() }),
  count: stream({ input: z.number(), down: z.number(), result: z.object({ count: z.number() }) }),
  /** Chunks of so many bytes, for ever. */
  pour: stream({ input: z.number(), down: z.instanceof(Uint8Array) }),
  /** Answers when the test says so, item by item. */
  watch: stream({ input: z.string(), down: z.string(), result: z.string(), errors: { SHUT: null } }),
  sum: stream({ up: z.number(), result: z.number() }),
  upload: stream({
    up: z.instanceof(Uint8Array),
    down: z.object({ received: z.number() }),
    result: z.object({ bytes: z.number() }),
  }),
})

/** What handlers of the desk use of their call. */
interface Taken {
  readonly signal: AbortSignal
  readonly deadline: number | undefined
}

type Step = { readonly item: string } | { readonly result: string } | { readonly error: unknown }

/** One call that a handler has begun and the test has in its hands. */
export class Begun {
  readonly input: string
  readonly signal: AbortSignal
  readonly deadline: number | undefined
  readonly #steps: Step[] = []
  #wake: () => void = () => undefined

  constructor(input: string, { signal, deadline }: Taken) {
    this.input = input
    this.signal = signal
    this.deadline = deadline
    signal.addEventListener('abort', () => this.#wake())
  }

  answer(result: string): void {
    this.#tell({ result })
  }

  refuse(error: unknown): void {
    this.#tell({ error })
  }

  /** Of a stream: the next item. */
  yield(item: string): void {
    this.#tell({ item })
  }

  /** What the test says, item by item; a handler obeys its signal. */
  async *steps(): AsyncGenerator<string, string, undefined> {
    for (;;) {
      const step = this.#steps.shift()
      if (step && 'result' in step) return step.result
      if (step && 'error' in step) throw step.error
      if (step) yield step.item
      else if (this.signal.aborted) return 'given up'
      else {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
    }
  }

  #tell(step: Step): void {
    this.#steps.push(step)
    this.#wake()
  }
}

/** A server's desk, and what its handlers have been asked. */
export class Desk {
  readonly begun: Begun[] = []
  /** Chunks that `pour` has made, and bytes that `upload` has read. */
  poured = 0
  uploaded = 0
  /** Whether `pour` has been told to stop. */
  stopped = false
  /** While set, `upload` reads nothing. */
  hold: Promise<void> | undefined

  readonly handlers: Handlers<typeof desk> = {
    say: text => text,
    mirror: value => value,
    parsed: number => number,
    book: ({ text }, call) => {
      if (text === 'taken') throw call.error('TAKEN', { until: new Date(7) }, 'by somebody')
      if (text === 'shut') throw call.error('SHUT')
      if (text === 'missing') throw call.error('NOT_FOUND', 'no such desk')
      if (text === 'broken') throw new Error('password=hunter2')
      return { id: text.length }
    },
    ask: (input, call) => this.#answer(input, call),
    askAgain: (input, call) => this.#answer(input, call),
    quick: (input, call) => this.#answer(input, call),
    heading: (_, { headers }) => headers.heading ?? '',
    async *count(to) {
      for (let n = 1; n <= to; n++) yield n
      return { count: to }
    },
    pour: (size, { signal }) => this.#pour(size, signal),
    watch: (input, call) => this.#begin(input, call).steps(),
    async sum(_, { up }) {
      let sum = 0
      for await (const n of up) sum += n
      return sum
    },
    upload: (_, { up }) => this.#upload(up),
  }

  /** The newest call that a handler has begun. */
  get last(): Begun {
    const last = this.begun.at(-1)
    if (!last) throw new Error('no handler has begun')
    return last
  }

  #begin(input: string, call: Taken): Begun {
    const begun = new Begun(input, call)
    this.begun.push(begun)
    return begun
  }

  async #answer(input: string, call: Taken): Promise<string> {
    const { value = '' } = await this.#begin(input, call).steps().next()
    return value
  }

  async *#pour(size: number, signal: AbortSignal) {
    try {
      while (!signal.aborted) {
        this.poured += 1
        yield new Uint8Array(size)
      }
    } finally {
      this.stopped = true
    }
  }

  async *#upload(up: AsyncIterable<Uint8Array>) {
    await this.hold
    for await (const chunk of up) {
      this.uploaded += chunk.length
      yield { received: this.uploaded }
    }
    return { bytes: this.uploaded }
  }
}

/** A server with a desk. */
export async function deskOn(transport: Transport, options: Partial<ServeOptions<undefined>> = {}) {
  const served = new Desk()
  const pair = await Pair.open<typeof desk, undefined>(
    transport,
    desk,
    { authenticate: () => ({ context: undefined }), ...options },
    served.handlers,
  )
  return { pair, desk: served }
}
