import { TautlineError } from '@tautline/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NOTHING, type Scene, scene, watch } from './support/client.ts'
import { type Asked, type FakeSession, LIMITS } from './support/fake-server.ts'

type Kind = 'once' | 'idempotent' | 'keyed' | 'published'

/** What may happen to a client, in any order. */
type Step =
  | { readonly do: 'call'; readonly kind: Kind; readonly timeout: number }
  | { readonly do: 'answer' | 'fail' | 'abort'; readonly which: number }
  | { readonly do: 'cut' | 'silence' | 'forget' | 'refuse' | 'drain' | 'full' }
  | { readonly do: 'pass'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      kind: kinds(),
      timeout: fc.integer({ min: 1, max: 90_000 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('answer', 'fail', 'abort'), which: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cut', 'silence', 'forget', 'refuse', 'drain', 'full') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: times() }) },
)

/** As often within the grace of a server that leaves as beyond it. */
function times(): fc.Arbitrary<number> {
  return fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 40_000 }))
}

function kinds(): fc.Arbitrary<Kind> {
  return fc.constantFrom('once', 'idempotent', 'keyed', 'published')
}

/** A call, and all that became of it. */
interface Made {
  readonly kind: Kind
  readonly text: string
  readonly controller: AbortController
  readonly seen: ReturnType<typeof watch>
  readonly latest: number
  /** Where it was asked last. */
  session?: FakeSession
}

class Play {
  readonly scene: Scene = scene()
  readonly made: Made[] = []
  readonly asked: Asked[] = []
  /** How often the server has begun each. */
  readonly runs = new Map<string, number>()
  /** Publishes that were still open, elsewhere or nowhere, when a later one came. */
  readonly overtaken: Made[] = []

  constructor() {
    const { server } = this.scene
    server.handle = (asked, session) => {
      const text = String(asked.frame[0] === 14 ? asked.frame[4] : asked.frame[3])
      const index = this.made.findIndex(made => made.text === text)
      for (const earlier of this.made.slice(0, index)) {
        const open = earlier.kind === 'published' && earlier.seen.settled === 0
        if (asked.frame[0] === 14 && open && earlier.session !== session) this.overtaken.push(earlier)
      }
      const made = this.made[index]
      if (made) made.session = session
      this.asked.push(asked)
      this.runs.set(text, (this.runs.get(text) ?? 0) + 1)
    }
  }

  async play(step: Step): Promise<void> {
    const { server, clock } = this.scene
    if (step.do === 'call') this.#call(step.kind, step.timeout)
    else if (step.do === 'pass') await clock.advance(step.ms)
    else if (step.do === 'abort') this.made[step.which % this.made.length]?.controller.abort()
    else if (step.do === 'answer' || step.do === 'fail') this.#answer(step.which, step.do === 'fail')
    else if (server.dials.length > 0) this.#disturb(step.do)
    if (step.do !== 'call') await clock.settle()
  }

  #call(kind: Kind, timeout: number): void {
    const { api, clock } = this.scene
    const text = `${kind} ${this.made.length}`
    const controller = new AbortController()
    const options = { signal: controller.signal, timeout }
    const promise: Promise<unknown> = {
      once: () => api.say(text, options),
      idempotent: () => api.look(text, options),
      keyed: () => api.say(text, { ...options, idempotencyKey: text }),
      published: () => api.feed({ room: 'a' }).publish(text, options),
    }[kind]()
    this.made.push({ kind, text, controller, seen: watch(promise), latest: clock.now() + timeout + 20 })
  }

  #answer(which: number, fails: boolean): void {
    const asked = this.asked[which % this.asked.length]
    if (!asked) return
    const { exchange, frame } = asked
    if (fails) exchange.fail(new TautlineError('NOT_FOUND', String(frame[3])))
    else exchange.end(frame[0] === 14 ? ['e', 1] : `answer to ${frame[3]}`)
  }

  #disturb(what: string): void {
    const { server } = this.scene
    if (what === 'forget') server.sessions.clear()
    if (what === 'cut' || what === 'forget') server.last.cut()
    if (what === 'silence') server.last.silence()
    if (what === 'drain' && server.sessions.size > 0) server.session.peer.send([19, { inMs: 100, graceMs: 2_000 }])
    if (what === 'full') server.welcome = { limits: { ...LIMITS, calls: 2 } }
    if (what !== 'refuse') return
    const { greet } = server
    server.greet = dialled => {
      server.greet = greet
      dialled.close(1013)
    }
  }

  check(): void {
    for (const { seen, text } of this.overtaken) expect(seen.settled, `${text} was overtaken`).toBe(1)
    for (const { kind, text, seen, latest } of this.made) {
      const runs = this.runs.get(text) ?? 0
      if (this.scene.clock.now() > latest) expect(seen.settled, `${text} after its deadline`).toBe(1)
      if (seen.value !== undefined) expect(seen.value).toBe(kind === 'published' ? '1.e' : `answer to ${text}`)
      if (seen.error?.mayHaveRun === false) expect(runs, `${text} did not run`).toBe(0)
      if (kind === 'once' || kind === 'published') expect(runs, `${text} ran`).toBeLessThanOrEqual(1)
    }
  }
}

it('whatever happens, every request settles once, in time and truly, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), async steps => {
      const play = new Play()
      for (const each of steps) {
        await play.play(each)
        play.check()
      }
      expect(await play.scene.leftOver()).toMatchObject({ timers: NOTHING.timers })
      for (const { seen, text } of play.made) expect(seen.settled, text).toBe(1)
      play.check()
    }),
    { numRuns: 300, seed: 20_251_120 },
  )
})
