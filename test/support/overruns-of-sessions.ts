import { type CallFields, type Frame, FrameType } from '@tautline/core/wire'
import { expectThat, type Overruns, pass, type Raid } from './raid.ts'
import { messageOf, type Raider } from './raider.ts'

const call = (id: number, entry: string, input?: unknown, fields?: CallFields): Frame => {
  return [FrameType.CALL, id, entry, input, fields]
}
const subscribe = (id: number, entry: string, params: unknown): Frame => {
  return [FrameType.SUBSCRIBE, id, entry, params, undefined]
}

/** The limits of what one session may ask for, and of what is kept for those who are away. */
export const overrunsOfSessions: Overruns<
  | 'calls'
  | 'callBytes'
  | 'subscriptions'
  | 'window'
  | 'timeoutMs'
  | 'rate'
  | 'burst'
  | 'highWaterBytes'
  | 'lowWaterBytes'
  | 'replayBytes'
  | 'sessionsPerIdentity'
  | 'detachedPerIdentity'
  | 'detached'
  | 'detachedBytes'
  | 'presenceMembers'
  | 'outcomeBytes'
  | 'outcomesBytes'
> = {
  calls: {
    run: raid => {
      const calls = Array.from({ length: raid.limits.calls + 1 }, (_, n) => call(n + 1, 'hold', n))
      return refusal(raid, messageOf(...calls), 'RESOURCE_EXHAUSTED')
    },
  },
  callBytes: {
    run: raid => {
      const count = Math.floor(raid.limits.callBytes / 1_000_000) + 1
      const calls = Array.from({ length: count }, (_, n) => messageOf(call(n + 1, 'hold', 'x'.repeat(1_000_000))))
      return refusal(raid, Buffer.concat(calls), 'RESOURCE_EXHAUSTED', 2)
    },
  },
  subscriptions: {
    run: raid => {
      const frames = Array.from({ length: raid.limits.subscriptions + 1 }, (_, n) =>
        subscribe(n + 1, 'feed', { room: `${n}` }),
      )
      return refusal(raid, messageOf(...frames), 'RESOURCE_EXHAUSTED')
    },
  },
  window: {
    run: async raid => {
      const item: Frame = [FrameType.ITEM, 1, 'x'.repeat(Math.ceil(raid.limits.window * 0.75))]
      await raid.each(4, async () => {
        const raider = await raid.joined()
        await raider.write(messageOf(call(1, 'sink')))
        for (let n = 0; n < 3; n++) await raider.write(messageOf(item))
        await raider.closedWith(4500)
      })
    },
  },
  timeoutMs: {
    run: raid => {
      const calls = Array.from({ length: 200 }, (_, n) =>
        call(n + 1, 'hold', n, { timeoutMs: raid.limits.timeoutMs + 1 }),
      )
      return refusal(raid, messageOf(...calls), 'INVALID_ARGUMENT')
    },
  },
  rate: { run: raid => flood(raid, raid.limits.rate / 4) },
  burst: { run: raid => flood(raid, 0) },
  highWaterBytes: { run: readNothing },
  lowWaterBytes: {
    run: async raid => {
      const raider = await readNothing(raid)
      raider.socket.resume()
      await raider.gets(LARGE_CALLS * LARGE)
    },
  },
  replayBytes: {
    run: async raid => {
      const bytes = raid.limits.replayBytes
      const [name, other] = [raid.name(), raid.name()]
      const [some, many] = [await keeper(raid, name, bytes * 0.9), await keeper(raid, other, bytes * 1.1)]
      expectThat(await raid.resumes(some, name), 'a session that keeps less goes on')
      expectThat(!(await raid.resumes(many, other)), 'a session that keeps more does not')
    },
  },
  sessionsPerIdentity: {
    run: async raid => {
      const name = raid.name()
      const raiders = await raid.each(raid.limits.sessionsPerIdentity + 1, () => raid.joined(name))
      const refused = raiders.filter(({ code }) => code === 4004).length
      expectThat(refused === 1, `${refused} of ${raiders.length} were closed with 4004`)
    },
  },
  detachedPerIdentity: {
    run: async raid => {
      const name = raid.name()
      await loseFirst(raid, name, await raid.each(raid.limits.detachedPerIdentity + 1, () => raid.joined(name)))
    },
  },
  detached: {
    limit: 40,
    run: async raid => {
      const name = raid.name()
      const mine = await raid.each(raid.limits.detachedPerIdentity, () => raid.joined(name))
      await raid.each(raid.limits.detached, () => raid.joined())
      await loseFirst(raid, name, mine)
    },
  },
  detachedBytes: {
    limit: 2_097_152,
    run: async raid => {
      const name = raid.name()
      const count = Math.ceil(raid.limits.detachedBytes / 480_000) + 1
      await loseFirst(raid, name, await raid.each(count, () => keeper(raid, name, 480_000)))
    },
  },
  presenceMembers: {
    limit: 20,
    run: async raid => {
      const room = raid.name()
      const watcher = await raid.joined()
      await watcher.write(messageOf(subscribe(1, 'lobby@presence', room)))
      await raid.each(raid.limits.presenceMembers + 1, async () => {
        const raider = await raid.joined()
        await raider.write(messageOf(subscribe(1, 'lobby', room)))
      })
      await watcher.hears('count')
    },
  },
  outcomeBytes: {
    run: async raid => {
      const bytes = raid.limits.outcomeBytes
      await raid.each(4, async () => {
        const name = raid.name()
        const less = [await raid.ticket(name, 'less', bytes - 100), await raid.ticket(name, 'less', bytes - 100)]
        const more = [await raid.ticket(name, 'more', bytes), await raid.ticket(name, 'more', bytes)]
        expectThat(less[0] === less[1], 'an outcome that is small enough is kept')
        expectThat(more[0] !== more[1], 'one that is too large is not')
      })
    },
  },
  outcomesBytes: {
    limit: 4_194_304,
    run: async raid => {
      // A sixteenth is what one identity may have.
      const count = Math.ceil(raid.limits.outcomesBytes / 16 / 30_000)
      const name = raid.name()
      const first = await raid.ticket(name, 'first', 30_000)
      expectThat((await raid.ticket(name, 'first', 30_000)) === first, 'an outcome is kept')
      await raid.each(count, n => raid.ticket(name, `${n}`, 30_000))
      expectThat((await raid.ticket(name, 'first', 30_000)) !== first, 'the oldest outcome is forgotten')
    },
  },
}

const LARGE = 262_144
const LARGE_CALLS = 100
const SMALL = 500

/** A few who all send the same, and are told that it is too much. */
async function refusal(raid: Raid, message: Buffer, code: string, raiders = 8): Promise<void> {
  await raid.each(raiders, async () => {
    const raider = await raid.joined()
    await raider.write(message)
    await raider.hears(code)
  })
}

/** Calls more than a burst and a second's worth; waits until the burst is answered, and so many more calls. */
async function flood(raid: Raid, more: number): Promise<void> {
  const { rate, burst } = raid.limits
  const calls = Array.from({ length: burst + rate }, (_, n) => call(n + 1, 'echo', 'x'.repeat(SMALL)))
  await raid.each(2, async () => {
    const raider = await raid.joined()
    const began = performance.now()
    for (let n = 0; n < calls.length; n += 500) raider.socket.write(messageOf(...calls.slice(n, n + 500)))
    await raider.gets((burst + more) * SMALL)
    await pass(50)
    const [answers, ms] = [raider.socket.bytesRead / (SMALL + 20), performance.now() - began]
    expectThat(answers <= burst + (rate * ms) / 1_000 + 1, `${answers} calls were answered in ${ms} ms`)
  })
}

/** Calls again and again, and reads no answer, until nothing moves any more. */
async function readNothing(raid: Raid): Promise<Raider> {
  const { highWaterBytes, lowWaterBytes } = raid.limits
  const raider = await raid.joined()
  raider.socket.pause()
  for (let id = 1; id <= LARGE_CALLS; id++) raider.socket.write(messageOf(call(id, 'echo', 'x'.repeat(LARGE))))
  let [unsent, before] = [0, 0]
  while (unsent <= lowWaterBytes || unsent !== before) {
    await pass(50)
    before = unsent
    unsent = (await raid.fort.stats()).queues.unsentBytes
  }
  expectThat(unsent <= highWaterBytes + 2 * LARGE, `${unsent} bytes are unsent`)
  return raider
}

/** A session that keeps about so many bytes, because nothing that it got is confirmed. */
async function keeper(raid: Raid, name: string, bytes: number): Promise<Raider> {
  const raider = await raid.joined(name)
  const count = Math.ceil(bytes / 30_000)
  for (let id = 1; id <= count; id++) await raider.write(messageOf(call(id, 'echo', 'x'.repeat(30_000))))
  await raider.gets(count * 30_000)
  return raider
}

/** All leave, the first of them first: it is its session that is lost. */
async function loseFirst(raid: Raid, name: string, raiders: readonly Raider[]): Promise<void> {
  const [first] = raiders
  if (!first) throw new Error('nobody came')
  first.leave()
  await raid.left(raid.size - 1)
  raid.leave()
  await raid.left(0)
  expectThat(!(await raid.resumes(first, name)), 'the oldest session is lost')
}
