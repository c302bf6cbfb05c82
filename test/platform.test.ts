import { connect } from '@tautline/client'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { desk, deskOn } from './support/desk.ts'

/** Sockets and timers that keep the process alive. */
function held(): string[] {
  return process.getActiveResourcesInfo().filter(name => /TCP|Timeout/.test(name))
}

async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !check(); i++) await new Promise(resolve => setTimeout(resolve, 10))
}

it('a client with nothing but a url uses the WebSocket of the platform, and leaves nothing of it', async () => {
  const before = held().length
  const { pair } = await deskOn('ws')
  const url = pair.server.url ?? ''
  const { api, connection } = connect(desk, { url: url.replace('ws:', 'http:') })
  expect(await api.say('hi')).toBe('hi')
  expect((await api.mirror(new Uint8Array(500_000))) as Uint8Array).toHaveLength(500_000)
  expect(await api.count(10).result).toEqual({ count: 10 })
  expect(connection.latency).toBeGreaterThanOrEqual(0)
  connection.close()
  await pair.end()
  await until(() => held().length <= before)
  expect(held().length).toBeLessThanOrEqual(before)
})

it('a client may be given the class of ws', async () => {
  const { pair } = await deskOn('ws')
  const { api, connection } = connect(desk, { url: pair.server.url ?? '', WebSocket })
  expect(await api.say('hi')).toBe('hi')
  connection.close()
  await pair.end()
})

it('importing and connecting opens nothing and holds nothing', async () => {
  const before = held().length
  const { api, connection } = connect(desk, { url: '/live' })
  api.count(1)
  await new Promise(resolve => setImmediate(resolve))
  expect(connection.state).toEqual({ status: 'idle' })
  expect(held().length).toBeLessThanOrEqual(before)
})
