import { TautlineError } from '@tautline/core'
import { FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import type { Authenticate } from '../src/auth.ts'
import type { ServeOptions } from '../src/options.ts'
import type { HandClient } from './support/hand-client.ts'
import { Serving } from './support/serving.ts'

let serving: Serving
let expiresAt: (token: string) => number | Date | undefined
/** Tokens that were asked about. */
let asked: string[]

/** `ada:2` is the second token of ada; `!` is refused. */
const authenticate: Authenticate<unknown> = ({ token = '' }) => {
  asked.push(token)
  if (token === '!') throw new TautlineError('UNAUTHENTICATED', 'revoked')
  if (token === '?') throw new Error('the database is down')
  return { context: token, identity: token.split(':')[0] ?? '', expiresAt: expiresAt(token) }
}

async function start(options?: Partial<ServeOptions<unknown>>): Promise<Serving> {
  asked = []
  serving = await Serving.start({ authenticate, ...options })
  return serving
}

/** Good for so many ms. */
function lasting(ms: number): void {
  expiresAt = () => new Date(Date.now() + ms)
}

async function contextOf(client: HandClient, id: number): Promise<unknown> {
  client.call(id, 'whoami')
  await serving.clock.settle()
  return (client.outcome(id)?.[2] as { context: unknown } | undefined)?.context
}

afterEach(async () => {
  expiresAt = () => undefined
  expect(await serving.end()).toBe(0)
  expect(serving.server.stats().sessions).toEqual({ attached: 0, detached: 0, unauthenticated: 0 })
})

/** A client that answers PING, so that it may be silent for long. */
async function pass(client: HandClient, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5_000) {
    if (!client.closed) client.send([FrameType.PING])
    await serving.clock.advance(Math.min(5_000, ms - passed))
  }
}

describe('a token that expires', () => {
  it('is asked for 30 s before, and again while none comes', async () => {
    lasting(100_000)
    await start()
    const client = await serving.join()
    await pass(client, 69_000)
    expect(client.all(FrameType.TOKEN)).toHaveLength(0)
    await pass(client, 2_000)
    expect(client.all(FrameType.TOKEN)).toHaveLength(1)
    await pass(client, 11_000)
    expect(client.all(FrameType.TOKEN)).toHaveLength(2)
  })

  it('that is short-lived is asked for at half of its life', async () => {
    lasting(20_000)
    await start()
    const client = await serving.join()
    await pass(client, 9_000)
    expect(client.all(FrameType.TOKEN)).toHaveLength(0)
    await pass(client, 2_000)
    expect(client.all(FrameType.TOKEN)).toHaveLength(1)
  })

  it('ends calls, streams and subscriptions, and closes with 4100', async () => {
    lasting(60_000)
    await start()
    const client = await serving.join()
    client.call(1, 'wait', 'a', { timeoutMs: 600_000 })
    client.call(2, 'count', 0, { window: 10 })
    client.send([FrameType.SUBSCRIBE, 1, 'news', { desk: 'a' }])
    await pass(client, 58_000)
    expect(client.outcome(1)).toBeUndefined()
    await pass(client, 3_000)
    expect(client.outcome(1)?.[2]).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(client.outcome(2)?.[2]).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(client.closed?.code).toBe(4100)
    expect(serving.stopped.has('a')).toBe(true)
    await serving.server.publish({ path: 'news' } as never, { desk: 'a' } as never, 'late' as never)
    await serving.clock.settle()
    expect(client.all(FrameType.MESSAGE)).toHaveLength(0)
  })

  it('leaves the session to whoever comes back with a fresh one', async () => {
    lasting(60_000)
    await start()
    const first = await serving.join({ token: 'ada:1' })
    await pass(first, 61_000)
    const second = await serving.back(first, 1, 'ada:2')
    expect(second.welcome?.resumed).toBe(true)
    expect(await contextOf(second, 1)).toBe('ada:2')
  })

  it('ends what runs for a client that is away, too', async () => {
    lasting(10_000)
    await start()
    const first = await serving.join()
    first.call(1, 'wait', 'a')
    await serving.clock.settle()
    first.cut()
    await serving.clock.advance(11_100)
    expect(serving.stopped.get('a')).toMatchObject({ code: 'UNAUTHENTICATED' })
    const second = await serving.back(first)
    expect(second.outcome(1)?.[2]).toMatchObject({ code: 'UNAUTHENTICATED' })
  })
})

describe('a fresh token', () => {
  it('replaces the context for new calls, and running ones keep theirs', async () => {
    const contexts: unknown[] = []
    await start({
      interceptors: [
        async (call, next) => {
          await next()
          contexts.push(call.context)
        },
      ],
    })
    const client = await serving.join({ token: 'ada:1' })
    client.call(1, 'wait', 'a')
    client.send([FrameType.TOKEN, 'ada:2'])
    await serving.clock.settle()
    client.call(2, 'echo', 'b')
    await serving.clock.settle()
    serving.waiting.get('a')?.('done')
    await serving.clock.settle()
    expect(contexts).toEqual(['ada:2', 'ada:1'])
  })

  it('makes the session last', async () => {
    expiresAt = token => (token === 'ada:1' ? Date.now() + 60_000 : undefined)
    await start()
    const client = await serving.join({ token: 'ada:1' })
    await pass(client, 50_000)
    client.send([FrameType.TOKEN, 'ada:2'])
    await serving.clock.settle()
    const times = client.all(FrameType.TOKEN).length
    await pass(client, 60_000)
    expect(client.closed).toBeUndefined()
    expect(client.all(FrameType.TOKEN)).toHaveLength(times)
  })

  it('of another identity ends the session', async () => {
    await start()
    const client = await serving.join({ token: 'ada' })
    client.call(1, 'wait', 'a')
    client.send([FrameType.TOKEN, 'bob'])
    await serving.clock.settle()
    expect(client.closed?.code).toBe(4100)
    expect(client.outcome(1)?.[2]).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((await serving.back(client, 1, 'ada')).welcome?.resumed).toBe(false)
  })

  it('that is refused ends the session with 4501', async () => {
    await start()
    const client = await serving.join()
    client.call(1, 'wait', 'a')
    client.send([FrameType.TOKEN, '!'])
    await serving.clock.settle()
    expect(client.closed).toEqual({ code: 4501, reason: 'revoked' })
    expect(client.outcome(1)?.[2]).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(serving.server.stats().sessions.detached).toBe(0)
  })

  it('that could not be looked at leaves the session as it is, and onError is told', async () => {
    lasting(100_000)
    await start()
    const client = await serving.join({ token: 'ada:1' })
    client.send([FrameType.TOKEN, '?'])
    await serving.clock.settle()
    expect(serving.errors).toHaveLength(1)
    expect(await contextOf(client, 1)).toBe('ada:1')
  })

  it('after fresh token: one is looked at at a time, and of those that wait only the newest', async () => {
    const answers: (() => void)[] = []
    await start({
      authenticate: ({ token }) => {
        asked.push(token ?? '')
        const found = { context: token, identity: 'ada' }
        return asked.length === 1 ? found : new Promise(resolve => answers.push(() => resolve(found)))
      },
    })
    const client = await serving.join({ token: '0' })
    for (const token of ['1', '2', '3', '4']) client.send([FrameType.TOKEN, token])
    await serving.clock.settle()
    expect(asked).toEqual(['0', '1'])
    answers[0]?.()
    await serving.clock.settle()
    expect(asked).toEqual(['0', '1', '4'])
    answers[1]?.()
    await serving.clock.settle()
    expect(await contextOf(client, 1)).toBe('4')
  })

  it('that was looked at while the client came back with a newer one is not believed any more', async () => {
    let answer = () => {}
    await start({
      authenticate: ({ token }) => {
        const found = { context: token, identity: 'ada' }
        return token === 'slow' ? new Promise(resolve => (answer = () => resolve(found))) : found
      },
    })
    const first = await serving.join({ token: '1' })
    first.send([FrameType.TOKEN, 'slow'])
    await serving.clock.settle()
    const second = await serving.back(first, 1, '2')
    answer()
    await serving.clock.settle()
    expect(await contextOf(second, 1)).toBe('2')
  })
})

describe('server.disconnect', () => {
  it('ends all sessions of an identity, with their calls, and nobody else', async () => {
    await start()
    const [one, two, bob] = [await serving.join(), await serving.join(), await serving.join({ token: 'bob' })]
    one.call(1, 'wait', 'a')
    await serving.clock.settle()
    two.cut()
    await serving.clock.settle()
    await serving.server.disconnect({ identity: 'ada' })
    await serving.clock.settle()
    expect(one.outcome(1)?.[2]).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(one.closed?.code).toBe(4100)
    expect(serving.stopped.has('a')).toBe(true)
    expect(bob.closed).toBeUndefined()
    expect(serving.server.stats().sessions).toMatchObject({ attached: 1, detached: 0 })
    expect((await serving.back(two, 1)).welcome?.resumed).toBe(false)
  })
})

describe('server.recheck', () => {
  it('asks the subscribe handlers again, and ends what is no longer allowed', async () => {
    let allowed = true
    await start({
      interceptors: [
        async (call, next) => {
          if (call.action === 'subscribe' && !allowed) throw new TautlineError('PERMISSION_DENIED')
          await next()
        },
      ],
    })
    const client = await serving.join()
    client.send([FrameType.SUBSCRIBE, 1, 'news', { desk: 'a' }])
    await serving.clock.settle()
    await serving.server.recheck({ identity: 'ada' })
    expect(client.all(FrameType.UNSUBSCRIBE)).toHaveLength(0)
    allowed = false
    const done = serving.server.recheck({ identity: 'ada' })
    await serving.clock.settle()
    await done
    await serving.clock.settle()
    expect(client.all(FrameType.UNSUBSCRIBE)).toEqual([
      [FrameType.UNSUBSCRIBE, 1, expect.objectContaining({ code: 'PERMISSION_DENIED' })],
    ])
    expect(serving.server.stats().subscriptions).toBe(0)
  })
})
