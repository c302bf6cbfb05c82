import { encodeFrame, type Frame, FrameType } from '@tautline/core/wire'
import { expectThat, type Overruns, pass, type Raid } from './raid.ts'
import { Head, messageOf, type Raider, webSocketFrame } from './raider.ts'

const textOf = (frame: Frame) => Buffer.from(encodeFrame(frame)).toString('latin1')

/** The limits of how long something may take. All of them can be gone beyond at once. */
export const overrunsOfTime: Overruns<
  | 'helloMs'
  | 'authenticateMs'
  | 'requestMs'
  | 'messageMs'
  | 'heartbeatMs'
  | 'heartbeatAnswerMs'
  | 'stalledMs'
  | 'resumeMs'
  | 'tokenMs'
  | 'outcomeMs'
> = {
  helloMs: {
    limit: 3_000,
    run: raid => all(raid, async () => (await raid.upgraded()).closedWith(4008)),
  },
  authenticateMs: {
    limit: 1_000,
    run: raid =>
      all(raid, async () => {
        const raider = await raid.upgraded()
        await raider.write(messageOf([FrameType.HELLO, { token: `slow ${raid.name()}` }]))
        await raider.closedWith(4004)
      }),
  },
  requestMs: {
    limit: 3_000,
    run: raid =>
      all(raid, async () => {
        const raider = raid.connected()
        await raider.write(Buffer.from('GET /live HTTP/1.1\r\nX-Slow: '))
        await raider.gone
      }),
  },
  messageMs: {
    limit: 1_000,
    run: raid =>
      all(raid, async () => {
        const raider = await raid.joined()
        await raider.write(webSocketFrame(Head.BINARY, new Uint8Array(10_000)).subarray(0, 5_000))
        await raider.closedWith(undefined)
      }),
  },
  heartbeatMs: {
    limit: 2_000,
    run: raid => all(raid, async () => (await raid.joined()).hears(textOf([FrameType.PING]))),
  },
  heartbeatAnswerMs: {
    limit: 1_000,
    run: raid => all(raid, async () => (await raid.joined()).closedWith(4003)),
  },
  stalledMs: {
    limit: 1_000,
    run: async raid => {
      const raider = await raid.joined()
      raider.socket.pause()
      for (let id = 1; id <= 100; id++) {
        raider.socket.write(messageOf([FrameType.CALL, id, 'echo', 'x'.repeat(262_144), undefined]))
      }
      await talk(raider, () => raider.isGone)
    },
  },
  resumeMs: {
    limit: 1_000,
    run: raid =>
      all(raid, async () => {
        const name = raid.name()
        const raider = await raid.joined(name)
        raider.leave()
        // A server that was busy meanwhile takes it for its own sleep, and waits anew.
        await pass(raid.limits.resumeMs + 4_000)
        expectThat(!(await raid.resumes(raider, name)), 'a session is lost in time')
      }),
  },
  tokenMs: {
    limit: 2_000,
    run: raid =>
      all(raid, async () => {
        const raider = await raid.joined(`brief ${raid.name()}`)
        await Promise.all([
          raider.hears(textOf([FrameType.TOKEN])),
          talk(raider, () => raider.code !== undefined || raider.isGone),
        ])
        await raider.closedWith(4100)
      }),
  },
  outcomeMs: {
    limit: 1_000,
    run: raid =>
      all(raid, async () => {
        const name = raid.name()
        const first = await raid.ticket(name, 'k', 1_000)
        await pass(raid.limits.outcomeMs + 100)
        expectThat((await raid.ticket(name, 'k', 1_000)) !== first, 'an outcome is forgotten in time')
      }),
  },
}

/** As many as there may be of one kind without being in each other's way. */
async function all(raid: Raid, act: () => Promise<void>): Promise<void> {
  await raid.each(16, act)
}

/** Says that it is there, until something is so. */
async function talk(raider: Raider, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await raider.shove(messageOf([FrameType.PONG]), 100)
    await pass(100)
  }
}
