import { connect } from '@tautline/client'
import * as core from '@tautline/core'
import { Running, within } from '../running.ts'
import { chatOf } from '../servers/chat.ts'
import { TAUTLINE } from '../subjects.ts'
import { at } from './latency.ts'

/** How long a crowd needs to come back, in ms since the crash. */
export interface Recovery {
  readonly clients: number
  /** Until the server that takes its place listens. */
  readonly restarted: number
  readonly p50: number
  readonly p99: number
}

/**
 * Kills a server whose topic so many clients follow, starts another in its place at once, and waits until each client is
 * back and knows where it stands: the memory of the topic died with the process, so each is told that there is a gap.
 */
export async function recover(count: number): Promise<Recovery> {
  const first = await Running.start(TAUTLINE)
  let killedAt = Number.NaN
  let back = 0
  let allBack = (): void => undefined
  const times: number[] = []
  const isBack = (): void => {
    times.push(performance.now() - killedAt)
    back += 1
    if (back === count) allBack()
  }
  const clients = Array.from({ length: count }, () =>
    connect(chatOf(core), { url: `ws://127.0.0.1:${first.port}/live` }),
  )
  let second: Running | undefined
  try {
    for (let i = 0; i < count; i += 50) {
      const some = clients.slice(i, i + 50).map(({ api }) => {
        return api.rooms.feed({ room: 'lobby' }).subscribe(() => undefined, { onGap: isBack }).ready
      })
      await within(Promise.all(some), 'clients subscribe')
    }
    const all = new Promise<void>(resolve => {
      allBack = resolve
    })
    killedAt = performance.now()
    await first.kill()
    second = await Running.start(TAUTLINE, { BENCH_PORT: `${first.port}` })
    const restarted = performance.now() - killedAt
    await within(all, 'all clients come back', 60_000)
    times.sort((a, b) => a - b)
    return { clients: count, restarted, p50: at(times, 0.5), p99: at(times, 0.99) }
  } finally {
    for (const { connection } of clients) connection.close()
    await second?.kill()
    await first.kill()
  }
}
