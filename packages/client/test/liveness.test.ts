import { FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NOTHING, type Scene, scene, watch } from './support/client.ts'

afterEach(() => vi.unstubAllGlobals())

async function online(): Promise<Scene> {
  const opened = scene()
  opened.connection.open()
  await opened.clock.settle()
  return opened
}

/** When the next dial comes, in ms from now; looks every second, for at most ten minutes. */
async function untilDial({ clock, server }: Scene): Promise<number> {
  const started = clock.now()
  const dials = server.dials.length
  while (server.dials.length === dials && clock.now() < started + 600_000) await clock.advance(100)
  return clock.now() - started
}

describe('a server that falls silent', () => {
  it('is asked after 25 s, and left after 10 s more, at once and without waiting for its close', async () => {
    const opened = await online()
    opened.server.last.silence()
    const ms = await untilDial(opened)
    expect(ms).toBeGreaterThan(34_000)
    expect(ms).toBeLessThan(38_000)
    expect(opened.server.last.hello?.session).toEqual(['session1', 0, 2])
    expect(opened.connection.state.status).toBe('online')
    expect(await opened.leftOver()).toEqual(NOTHING)
  })

  it('is asked after 5 s and left after 5 s more while a call is pending, which then gets its answer', async () => {
    const opened = await online()
    const call = watch(opened.api.say('a'))
    await opened.clock.settle()
    opened.server.last.silence()
    const ms = await untilDial(opened)
    expect(ms).toBeGreaterThan(9_000)
    expect(ms).toBeLessThan(13_000)
    opened.server.session.asked[0]?.exchange.end('A')
    await opened.clock.settle()
    expect(call.value).toBe('A')
    opened.connection.close()
  })

  it('is not left while it answers', async () => {
    const { connection, server, clock, states } = await online()
    await clock.advance(300_000)
    expect(server.dials).toHaveLength(1)
    expect(states).toHaveLength(2)
    connection.close()
  })

  it('is given twice the time after each socket on which nothing new came, up to 5 min, and no more than the usual after one on which something did', async () => {
    const opened = await online()
    const { server, clock } = opened
    const silences: number[] = []
    const { greet } = server
    server.greet = (dialled, hello) => {
      greet(dialled, hello)
      clock.defer(() => dialled.silence())
    }
    server.last.silence()
    for (let i = 0; i < 7; i++) silences.push((await untilDial(opened)) - 25_000)
    const expected = [10, 20, 40, 80, 160, 300, 300]
    for (const [i, s] of expected.entries()) {
      expect(silences[i]).toBeGreaterThan(s * 1_000 - 1_100)
      expect(silences[i]).toBeLessThan(s * 1_000 + 4_000)
    }
    server.greet = greet
    await untilDial(opened)
    await clock.advance(30_000)
    server.last.silence()
    expect(await untilDial(opened)).toBeLessThan(40_000)
    opened.connection.close()
  })

  it('is not blamed for a sleep of this side', async () => {
    const { connection, server, clock } = await online()
    await clock.advance(20_000)
    const { now } = clock
    let slept = 0
    clock.now = () => now.call(clock) + slept
    slept = 3_600_000
    await clock.advance(20_000)
    expect(server.dials).toHaveLength(1)
    connection.close()
  })
})

describe('when the page or the network wakes', () => {
  it.each([
    ['online', 'window'],
    ['pageshow', 'window'],
    ['visibilitychange', 'document'],
    ['resume', 'document'],
  ] as const)('at %s, a server that does not answer within 3 s is left', async (name, target) => {
    const page = stubPage()
    const opened = await online()
    opened.server.last.silence()
    await opened.clock.advance(1_000)
    page[target].dispatchEvent(new Event(name))
    const ms = await untilDial(opened)
    expect(ms).toBeGreaterThan(2_500)
    expect(ms).toBeLessThan(3_500)
    expect(await opened.leftOver()).toEqual(NOTHING)
    expect(page.listeners()).toBe(0)
  })

  it('a server that answers is kept', async () => {
    const page = stubPage()
    const { connection, server, clock } = await online()
    page.window.dispatchEvent(new Event('online'))
    page.document.dispatchEvent(new Event('visibilitychange'))
    await clock.advance(10_000)
    expect(server.dials).toHaveLength(1)
    connection.close()
  })

  it('a page that is hidden asks nothing', async () => {
    const page = stubPage()
    const { connection, server, clock } = await online()
    server.last.silence()
    page.hidden = true
    page.document.dispatchEvent(new Event('visibilitychange'))
    await clock.advance(10_000)
    expect(server.dials).toHaveLength(1)
    connection.close()
  })

  it('whoever waits tries at once, and says so when there is no network', async () => {
    const page = stubPage()
    const opened = scene()
    const { connection, server, clock, states } = opened
    opened.chance = 1
    server.greet = dialled => dialled.close(1013)
    connection.open()
    await clock.advance(30_000)
    page.navigator.onLine = false
    page.window.dispatchEvent(new Event('offline'))
    expect(connection.state).toMatchObject({ status: 'waiting', reason: 'offline' })
    await untilDial(opened)
    await clock.settle()
    expect(connection.state).toMatchObject({ status: 'waiting', reason: 'offline' })
    page.navigator.onLine = true
    const dials = server.dials.length
    server.greet = (dialled, hello) => server.resume(dialled, hello)
    page.window.dispatchEvent(new Event('online'))
    await clock.settle()
    expect(server.dials).toHaveLength(dials + 1)
    expect(states.at(-1)).toEqual({ status: 'online' })
    expect(await opened.leftOver()).toEqual(NOTHING)
    expect(page.listeners()).toBe(0)
  })
})

describe('the latency', () => {
  it('is known soon after the connection is, and told every 5 s to whoever listens', async () => {
    const { connection, server, clock } = await online()
    expect(connection.latency).toBe(0)
    const told: number[] = []
    const off = connection.on('latency', ms => told.push(ms))
    await clock.advance(20_500)
    expect(told).toEqual([0, 0, 0, 0])
    off()
    await clock.advance(20_000)
    expect(told).toHaveLength(4)
    expect(server.dials).toHaveLength(1)
    connection.close()
  })

  it('is the time a PING took', async () => {
    const opened = scene()
    const { connection, server, clock } = opened
    const { greet } = server
    server.greet = (dialled, hello) => {
      greet(dialled, hello)
      server.session.inlet.pause()
      clock.setTimeout(() => server.session.inlet.resume(), 120)
    }
    connection.open()
    await clock.advance(200)
    expect(connection.latency).toBe(120)
    connection.close()
  })
})

it('answers a PING with a PONG', async () => {
  const { connection, server, clock } = await online()
  const before = server.session.peer.link.traffic.received
  server.session.peer.send([FrameType.PING])
  await clock.settle()
  expect(server.session.peer.link.traffic.received).toBe(before + 2)
  connection.close()
})

/** A page's globals, as far as the client looks at them. */
function stubPage() {
  let listeners = 0
  class Counted extends EventTarget {
    override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
      listeners += 1
      super.addEventListener(...args)
    }
    override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
      listeners -= 1
      super.removeEventListener(...args)
    }
  }
  const window = new Counted()
  const document = Object.defineProperty(new Counted(), 'visibilityState', {
    get: () => (page.hidden ? 'hidden' : 'visible'),
  })
  const navigator = { onLine: true }
  const page = { window, document, navigator, hidden: false, listeners: () => listeners }
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window))
  vi.stubGlobal('document', document)
  vi.stubGlobal('navigator', navigator)
  return page
}
