import { encodeFrame, type Frame, FrameType } from '@tautline/core/wire'
import { expectThat, type Overruns, pass } from './raid.ts'
import { Head, messageOf, webSocketFrame } from './raider.ts'

/** Nobody has the address of somebody who was there before. */
let addresses = 0

const PING: Frame = [FrameType.PING]
const echo = (id: number, input: unknown): Frame => [FrameType.CALL, id, 'echo', input, undefined]
const PONG = Buffer.from(encodeFrame([FrameType.PONG])).toString('latin1')
/** A call of `echo` whose input is written by hand. */
const echoOf = (id: number, hex: string) =>
  webSocketFrame(Head.BINARY, Buffer.from(`94020${id}a46563686f${hex}`, 'hex'))

/** The limits of one message, of its pieces, and of what comes before anybody knows who it is. */
export const overrunsOfMessages: Overruns<
  | 'messageBytes'
  | 'depth'
  | 'containers'
  | 'frames'
  | 'fragments'
  | 'chunks'
  | 'pongs'
  | 'helloBytes'
  | 'unauthenticated'
  | 'unauthenticatedPerAddress'
  | 'requestHeadBytes'
> = {
  messageBytes: {
    run: raid =>
      raid.each(4, async () => {
        const raider = await raid.joined()
        const rest = encodeFrame(echo(1, 'x'.repeat(100_000))).length - 100_000
        await raider.write(messageOf(echo(1, 'x'.repeat(raid.limits.messageBytes - rest))))
        await raider.gets(raid.limits.messageBytes - rest)
        await raider.write(webSocketFrame(Head.BINARY, new Uint8Array(raid.limits.messageBytes + 1)).subarray(0, 1_000))
        await raider.closedWith(1009)
      }),
  },
  depth: {
    run: raid =>
      raid.each(8, async () => {
        const raider = await raid.joined()
        const nested = (id: number, depth: number) => echoOf(id, `${'91'.repeat(depth - 1)}c0`)
        await raider.write(nested(1, raid.limits.depth))
        await raider.hears('INVALID_ARGUMENT')
        await raider.write(nested(2, raid.limits.depth + 1))
        await raider.closedWith(4500)
      }),
  },
  containers: {
    run: raid =>
      raid.each(8, async () => {
        const raider = await raid.joined()
        const arrays = (id: number, count: number) =>
          echoOf(id, `dd${count.toString(16).padStart(8, '0')}${'90'.repeat(count)}`)
        await raider.write(arrays(1, raid.limits.containers))
        await raider.hears('INVALID_ARGUMENT')
        await raider.write(arrays(2, 2 * raid.limits.containers))
        await raider.closedWith(4500)
      }),
  },
  frames: {
    run: async raid => {
      const patient = await raid.joined()
      await patient.write(messageOf(...Array<Frame>(raid.limits.frames).fill(PING)))
      await patient.hears(PONG)
      await raid.each(8, async () => {
        const raider = await raid.joined()
        await raider.write(messageOf(...Array<Frame>(raid.limits.frames + 1).fill(PING)))
        await raider.closedWith(4500)
      })
      expectThat(patient.code === undefined, 'as many frames as there may be are taken')
    },
  },
  fragments: {
    run: raid =>
      raid.each(8, async () => {
        const raider = await raid.joined()
        const middle = Array.from({ length: raid.limits.fragments }, () =>
          webSocketFrame(Head.MIDDLE, Uint8Array.of(1)),
        )
        await raider.write(Buffer.concat([webSocketFrame(Head.BEGINNING, Uint8Array.of(1)), ...middle]))
        await raider.closedWith(1008)
      }),
  },
  chunks: {
    limit: 64,
    run: raid =>
      raid.each(8, async () => {
        const raider = await raid.joined()
        raider.socket.setNoDelay(true)
        await raider.write(webSocketFrame(Head.BINARY, new Uint8Array(100_000)).subarray(0, 20))
        while (raider.code === undefined && !raider.isGone) {
          await raider.write(Uint8Array.of(0))
          await pass(1)
        }
        await raider.closedWith(1008)
      }),
  },
  pongs: {
    run: async raid => {
      const raider = await raid.joined()
      raider.socket.pause()
      // Until as much has been answered as fits on the way, and the next thing has to wait.
      for (let [id, unsent, before] = [1, 0, -1]; unsent < 100_000 || unsent !== before; id++) {
        if (unsent < 100_000) await raider.write(messageOf(echo(id, 'x'.repeat(250_000))))
        await pass(20)
        before = unsent
        unsent = (await raid.fort.stats()).queues.unsentBytes
      }
      const ping = webSocketFrame(Head.PING, new Uint8Array(0))
      await raider.write(Buffer.concat(Array(raid.limits.pongs + 1).fill(ping)))
      while (!raider.isGone) {
        await raider.shove(messageOf([FrameType.PONG]), 100)
        await pass(20)
      }
    },
  },
  helloBytes: {
    run: raid =>
      raid.each(16, async n => {
        const raider = await raid.upgraded()
        const rest = encodeFrame([FrameType.HELLO, { token: 'x'.repeat(1_000) }]).length - 1_000
        const token = `slow${'x'.repeat(raid.limits.helloBytes - rest - 4)}`
        await raider.write(messageOf([FrameType.HELLO, { token: n % 2 ? `${token}x` : token }]))
        if (n % 2) await raider.closedWith(4500)
        else expectThat(raider.code === undefined, 'a HELLO of this size is taken')
      }),
  },
  unauthenticated: {
    limit: 100,
    run: async raid => {
      const raiders = await raid.each(raid.limits.unauthenticated + 50, () => raid.upgraded())
      const refused = raiders.filter(({ heard }) => heard.startsWith('HTTP/1.1 503 ')).length
      expectThat(refused >= 50, `${refused} of ${raiders.length} got 503`)
    },
  },
  unauthenticatedPerAddress: {
    run: async raid => {
      const from = `127.0.1.${++addresses}`
      const raiders = await raid.each(raid.limits.unauthenticatedPerAddress + 1, () => raid.upgraded({ from }))
      const refused = raiders.filter(({ heard }) => heard.startsWith('HTTP/1.1 429 ')).length
      expectThat(refused === 1, `${refused} of ${raiders.length} got 429`)
    },
  },
  requestHeadBytes: {
    run: raid =>
      raid.each(16, async () => {
        const raider = raid.connected()
        await raider.write(
          Buffer.from(`GET /live HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(raid.limits.requestHeadBytes)}\r\n\r\n`),
        )
        await raider.hears('HTTP/1.1 431 ')
      }),
  },
}
