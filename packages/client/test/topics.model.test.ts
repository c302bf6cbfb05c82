import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeChannel } from './support/fake-channel.ts'
import { FakeLine } from './support/fake-line.ts'
import { latest, log, unretained } from './support/topics.ts'

/** What one subscriber was told: `gap`, `-key` or `epoch/number/key`. A new beginning counts as a gap. */
type Told = string[]

type Step = { readonly act: (run: Run) => void | Promise<void>; readonly toString: () => string }

/** One channel, a line that is cut, a listener, and a loop that is read when the model says so. */
class Run {
  readonly line = new FakeLine({ queueMessages: 4 })
  readonly channel: FakeChannel
  readonly heard: Told = []
  readonly looped: Told = []
  readonly #feed
  #loop: AsyncIterator<unknown>
  #reading: Promise<void> | undefined
  #subscription

  constructor(kind: FakeChannel['kind']) {
    this.channel = new FakeChannel(this.line, kind)
    this.#feed = this.line.topics.channel({ log, latest, none: unretained }[kind], 'params')
    this.#loop = this.#feed.messages()[Symbol.asyncIterator]()
    this.#subscription = this.#subscribe()
    this.line.attach()
  }

  get state(): string {
    return this.#subscription.state
  }

  /** The application comes back with the position that it had. */
  subscribeAgain(): void {
    const since = this.#subscription.position
    this.#subscription.close()
    this.#subscription = this.#subscribe(since)
  }

  read(): void {
    this.#reading ??= this.#loop.next().then(
      ({ value }) => {
        this.looped.push(String(value))
        this.#reading = undefined
      },
      () => {
        this.looped.push('gap')
        this.#loop = this.#feed.messages()[Symbol.asyncIterator]()
        this.#reading = undefined
      },
    )
  }

  /** Everything is delivered, asked for again and read, until nothing is left to do. */
  async rest(): Promise<void> {
    this.channel.attach()
    for (let before = -1; before !== this.heard.length + this.looped.length || this.channel.waiting > 0; ) {
      before = this.heard.length + this.looped.length
      for (let i = 0; i < 6; i++) {
        this.read()
        await this.line.clock.advance(20_000)
        this.channel.deliver(Number.POSITIVE_INFINITY)
        await this.line.clock.settle()
      }
    }
  }

  async close(): Promise<void> {
    this.line.topics.close()
    await this.line.clock.settle()
  }

  #subscribe(since?: string) {
    if (since === undefined) this.heard.push('gap')
    return this.#feed.subscribe(text => this.heard.push(String(text)), {
      since,
      onGap: () => this.heard.push('gap'),
      onRetract: key => this.heard.push(`-${key}`),
    })
  }
}

/** A step that comes so often, with a key or a number to act on. */
function does(weight: number, name: string, act: (run: Run, key: string, number: number) => void | Promise<void>) {
  const arbitrary = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat(6)).map(([key, number]): Step => {
    return { act: run => act(run, key, number), toString: () => `${name}(${key}, ${number})` }
  })
  return { weight, arbitrary }
}

const step = fc.oneof(
  does(6, 'publish', ({ channel }, key) => channel.publish(key)),
  does(4, 'deliver', ({ channel }, _, frames) => channel.deliver(frames)),
  does(4, 'read', run => {
    run.read()
    return run.line.clock.settle()
  }),
  does(2, 'tick', ({ line }) => line.clock.tick()),
  does(2, 'attach', ({ channel }) => channel.attach()),
  does(1, 'drop', ({ channel }) => channel.drop()),
  does(1, 'lose', ({ channel }, key) => channel.lose(key)),
  does(1, 'retract', ({ channel }, key) => channel.retract(key)),
  does(1, 'fall', ({ channel }, key) => channel.fall(key)),
  does(1, 'wipe', ({ channel }) => channel.wipe()),
  does(1, 'repeat', ({ channel }) => channel.repeat()),
  does(1, 'refuse', ({ channel }) => channel.refuse()),
  does(1, 'come back', run => run.subscribeAgain()),
  does(1, 'wait', ({ line }) => line.clock.advance(1_500)),
)

async function run(kind: FakeChannel['kind'], steps: readonly Step[]): Promise<Run> {
  const run = new Run(kind)
  for (const { act } of steps) await act(run)
  await run.rest()
  return run
}

/** Each one after the one before, or a gap between them. */
function expectInOrder(told: Told): void {
  let next: string | undefined
  for (const event of told) {
    const [epoch, number = ''] = event.split('/')
    if (event !== 'gap' && next !== undefined) expect(`${epoch}/${number}`, told.join(' ')).toBe(next)
    next = event === 'gap' ? undefined : `${epoch}/${Number(number) + 1}`
  }
}

/** What is left of it when the newest of each key replaces the others, and a gap all of them. */
function stateAfter(told: Told): ReadonlyMap<string, string> {
  const state = new Map<string, string>()
  for (const event of told) {
    const [, , key = ''] = event.split('/')
    if (event === 'gap') state.clear()
    else if (event.startsWith('-')) state.delete(event.slice(1))
    else state.set(key, event)
  }
  return state
}

const scenario = fc.array(step, { minLength: 10, maxLength: 80, size: 'max' })
const seeded = { numRuns: 1_500, seed: 20_240_607 }

describe('whatever is delivered late, twice, with holes, after drops, wipes and refusals, to whomever is slow', () => {
  it.each(['log', 'none'] as const)(
    'every message of a %s comes in order, once, or a gap is told before the next',
    async kind => {
      await fc.assert(
        fc.asyncProperty(scenario, async steps => {
          const ran = await run(kind, steps)
          const { channel, heard, looped } = ran
          expectInOrder(heard)
          expectInOrder(looped)
          channel.publish('last')
          await ran.rest()
          expect([heard.at(-1), looped.at(-1)]).toEqual([
            expect.stringMatching(/last$/),
            expect.stringMatching(/last$/),
          ])
          expectInOrder(heard)
          expectInOrder(looped)
          expect(ran.state).toBe('live')
          await ran.close()
          expect([ran.line.clock.pending, ran.line.errors]).toEqual([0, []])
        }),
        seeded,
      )
    },
  )

  it('the newest message of every key is reached', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async steps => {
        const ran = await run('latest', steps)
        const { channel, heard, looped } = ran
        expect(stateAfter(heard)).toEqual(channel.newest)
        const seen = stateAfter(looped)
        expect(new Map([...channel.newest.keys()].map(key => [key, seen.get(key)]))).toEqual(channel.newest)
        expect(ran.state).toBe('live')
        await ran.close()
        expect([ran.line.clock.pending, ran.line.errors]).toEqual([0, []])
      }),
      seeded,
    )
  })
})
