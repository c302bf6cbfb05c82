import { constants, deflateRawSync } from 'node:zlib'
import { type Frame, FrameType } from '@tautline/core/wire'
import { Head, messageOf, Raider, type RaidOptions, webSocketFrame } from './raider.ts'

/** How much of everything. */
export type Scale = 'small' | 'large'

/** One kind of attack on a `Fort`. */
export interface Siege {
  readonly name: string
  /** Whether the fort compresses. */
  readonly compression?: boolean
  /** Codes that those who come are closed with; when it says none, nobody need be closed. */
  readonly closes?: readonly number[]
  /** Attacks, and resolves with those who did; each may still be connected. */
  run(port: number, scale: Scale): Promise<readonly Raider[]>
}

const raw = (hex: string) => webSocketFrame(Head.BINARY, Buffer.from(hex, 'hex'))

/** So many at once; each from one of eight addresses, and somebody by name. */
function crowd(size: number, come: (n: number, options: RaidOptions) => Promise<Raider>): Promise<Raider[]> {
  return Promise.all(Array.from({ length: size }, (_, n) => come(n, { from: `127.0.0.${2 + (n % 8)}` })))
}

/** So many sessions, thirty of them per name. */
function sessions(port: number, size: number, attack: (raider: Raider, n: number) => Promise<void>): Promise<Raider[]> {
  return crowd(size, async (n, options) => {
    const raider = await Raider.joined(port, { token: `raider-${Math.floor(n / 30)}` }, options)
    await attack(raider, n)
    return raider
  })
}

const BOMBS = [
  '9203dd01ffffff',
  `9203${'dd01ffffff'.repeat(31)}`,
  `9203${'dcffff'.repeat(8_000)}`,
  `9203dd7fffffff${'dd01ffffff'.repeat(1_000)}`,
  `9203dcea60${'df01ffffff'.repeat(60_000)}`,
  `9203${'c9010000000291dd00ffffff'.repeat(20)}`,
  `9203dd000ffff0${'80'.repeat(1_048_500)}`,
]

export const sieges: readonly Siege[] = [
  {
    name: 'allocation bombs, before HELLO and after it',
    closes: [4500],
    async run(port, scale) {
      const rounds = scale === 'small' ? 3 : 100
      const early = await crowd(BOMBS.length * rounds, async (n, options) => {
        const raider = await Raider.upgraded(port, options)
        await raider.write(raw(BOMBS[n % BOMBS.length] ?? ''))
        return raider
      })
      const late = await sessions(port, BOMBS.length * rounds, (raider, n) =>
        raider.write(raw(BOMBS[n % BOMBS.length] ?? '')),
      )
      return [...early, ...late]
    },
  },
  {
    name: 'deep nesting',
    closes: [4500],
    run: (port, scale) =>
      sessions(port, scale === 'small' ? 10 : 500, (raider, n) =>
        raider.write(raw(`9402016465${(n % 2 ? '91' : '81a161').repeat(n % 2 ? 1_000_000 : 300_000)}c0`)),
      ),
  },
  {
    name: 'compression bombs',
    compression: true,
    closes: [1009, 4029],
    async run(port, scale) {
      const bomb = deflateRawSync(Buffer.alloc(90 * 1_048_576), { finishFlush: constants.Z_SYNC_FLUSH })
      return crowd(scale === 'small' ? 10 : 50, async (n, options) => {
        const extensions = 'permessage-deflate'
        const raider = await Raider.joined(port, { token: `bomber-${n % 5}` }, { ...options, extensions })
        await raider.write(webSocketFrame(Head.COMPRESSED, bomb))
        return raider
      })
    },
  },
  {
    name: 'fragments of one byte, and messages without an end',
    closes: [1008],
    run: (port, scale) =>
      sessions(port, scale === 'small' ? 30 : 300, async raider => {
        const middle = Array.from({ length: 16_000 }, () => webSocketFrame(Head.MIDDLE, Uint8Array.of(1)))
        await raider.write(Buffer.concat([webSocketFrame(Head.BEGINNING, Uint8Array.of(1)), ...middle]))
      }),
  },
  {
    name: 'pings and pongs',
    async run(port, scale) {
      const flood = (head: number) => Buffer.concat(Array(10_000).fill(webSocketFrame(head, new Uint8Array(100))))
      const [pings, pongs] = [flood(Head.PING), flood(Head.PONG)]
      const frames = messageOf(...Array<Frame>(10_000).fill([FrameType.PING]))
      const raiders = await sessions(port, scale === 'small' ? 30 : 300, async (raider, n) => {
        // A message of our own PINGs is ten seconds worth of frames: it is read at that pace.
        const most = scale === 'small' && n % 3 === 2 ? 1 : 10
        for (let times = 0; times < most; times++) await raider.shove([pings, pongs, frames][n % 3] ?? frames, 300)
      })
      return raiders
    },
  },
  {
    name: 'a crowd that never says who it is',
    run: async (port, scale) => {
      const half = webSocketFrame(Head.BINARY, new Uint8Array(1_000_000)).subarray(0, 500_000)
      return crowd(scale === 'small' ? 400 : 5_000, async (n, options) => {
        // Of each address 64 get in; the others are told so.
        const raider = n % 3 === 0 ? new Raider(port, options) : await Raider.upgraded(port, options)
        if (n % 3 === 1) await raider.shove(half, 500)
        if (n % 3 === 0) raider.socket.write('GET /live HTTP/1.1\r\nX-Slow: ')
        return raider
      })
    },
  },
  {
    name: 'subscriptions without end',
    run: (port, scale) =>
      sessions(port, scale === 'small' ? 20 : 100, async (raider, n) => {
        for (let id = 1; id <= (scale === 'small' ? 1_000 : 20_000); id += 50) {
          const frames = Array.from({ length: 50 }, (_, at): Frame[] => [
            [FrameType.SUBSCRIBE, id + at, 'feed', { room: `${n}-${id + at}` }, undefined],
            ...(n % 2 ? ([[FrameType.UNSUBSCRIBE, id + at]] as const) : []),
          ])
          await raider.shove(messageOf(...frames.flat()), 100)
        }
      }),
  },
  {
    name: 'calls without end',
    run: (port, scale) =>
      sessions(port, scale === 'small' ? 20 : 100, async (raider, n) => {
        for (let id = 1; id <= (scale === 'small' ? 5_000 : 100_000); id += 500) {
          const calls = Array.from(
            { length: 500 },
            (_, at): Frame =>
              n % 2
                ? [FrameType.CALL, id + at, 'echo', 'hello', undefined]
                : [FrameType.CALL, id + at, 'hold', at, undefined],
          )
          await raider.shove(messageOf(...calls), 100)
        }
      }),
  },
  {
    name: 'messages that are too large, announced or sent',
    closes: [1009],
    run: (port, scale) =>
      sessions(port, scale === 'small' ? 20 : 300, async (raider, n) => {
        const large = webSocketFrame(Head.BINARY, new Uint8Array(n % 4 ? 1_048_577 : 8_000_000))
        await raider.shove(n % 2 ? large : large.subarray(0, 20), 500)
      }),
  },
  {
    name: 'items that nobody reads, and outcomes that have to be kept',
    run: (port, scale) =>
      sessions(port, scale === 'small' ? 10 : 100, async (raider, n) => {
        for (let id = 1; id <= (scale === 'small' ? 20 : 200); id++) {
          const items = Array.from({ length: 500 }, (_, at): Frame => [FrameType.ITEM, id, at])
          const kept = messageOf([FrameType.CALL, id, 'echo', 'x'.repeat(60_000), { key: `${n} ${id}` }])
          await raider.shove(n % 2 ? kept : messageOf([FrameType.CALL, id, 'sink', null, undefined], ...items), 200)
        }
      }),
  },
  {
    name: 'sessions that come, go and come again',
    async run(port, scale) {
      const raiders: Raider[] = []
      for (let round = 0; round < (scale === 'small' ? 5 : 100); round++) {
        const some = await sessions(port, 60, (raider, n) =>
          raider.write(
            messageOf(
              [FrameType.SUBSCRIBE, 1, 'feed', { room: `${round} ${n}` }, undefined],
              [FrameType.TOKEN, `raider-${Math.floor(n / 30)}`],
            ),
          ),
        )
        for (const [n, raider] of some.entries()) if (n % 2) raider.leave()
        for (const raider of raiders.splice(0)) raider.leave()
        raiders.push(...some)
      }
      return raiders
    },
  },
  {
    name: 'one client that calls as fast as it can',
    async run(port, scale) {
      const flooder = await Raider.joined(port, { token: 'flooder' })
      const end = performance.now() + (scale === 'small' ? 1_000 : 10_000)
      for (let id = 1; performance.now() < end; id += 1_000) {
        const calls = Array.from({ length: 1_000 }, (_, at): Frame => [FrameType.CALL, id + at, 'echo', 'x', undefined])
        await flooder.shove(messageOf(...calls), 100)
      }
      return [flooder]
    },
  },
  {
    name: 'readers who read nothing',
    run: (port, scale) =>
      sessions(port, scale === 'small' ? 100 : 500, async (raider, n) => {
        raider.socket.pause()
        const noise: Frame[] = [1, 2, 3, 4].map(id => [FrameType.CALL, id, 'noise', undefined, { window: 1_048_576 }])
        await raider.write(
          n % 5 ? messageOf([FrameType.SUBSCRIBE, 1, 'feed', { room: 'big' }, { rewind: 100 }]) : messageOf(...noise),
        )
      }),
  },
  {
    name: 'input that is wrong in fifty thousand places',
    run: (port, scale) =>
      sessions(port, scale === 'small' ? 5 : 50, async raider => {
        const wrong = Array.from({ length: 5_000 }, (_, n) => ({ id: 'x', name: '', [`k${n}`]: 1 }))
        for (let id = 1; id <= (scale === 'small' ? 3 : 50); id++) {
          await raider.shove(messageOf([FrameType.CALL, id, 'order', wrong, undefined]), 1_000)
        }
      }),
  },
  {
    name: 'noise',
    run: (port, scale) =>
      crowd(scale === 'small' ? 60 : 2_000, async (n, options) => {
        const raider = n % 2 ? await Raider.upgraded(port, options) : new Raider(port, options)
        const noise = Uint8Array.from(
          { length: 3_000 },
          (_, at) => (Math.imul(at + n * 7_919, 2_654_435_761) >>> 13) & 255,
        )
        await raider.shove(noise, 500)
        return raider
      }),
  },
]
