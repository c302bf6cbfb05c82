import { isDeepStrictEqual } from 'node:util'
import { channelOf, TautlineError } from '@tautline/core'
import type { FuzzTarget, Random } from './target.ts'

const TEXTS = [
  '',
  'a',
  'room',
  '*',
  '>',
  'a.b',
  '..',
  'a\u0000b',
  '\r\n',
  '%2e',
  'é',
  '漢字',
  '\ud800',
  '🙂',
  ' ',
] as const

/** What might stand in params: all that is compared by value. */
function randomValue(random: Random, depth: number): unknown {
  switch (random.int(depth > 2 ? 7 : 9)) {
    case 0:
      return random.pick(TEXTS) + random.pick(TEXTS)
    case 1:
      return random.pick([0, 1, -1, 1.5, 127, 128, 2 ** 31, -(2 ** 40), Number.MAX_SAFE_INTEGER])
    case 2:
      return random.pick([true, false, null])
    case 3:
      return BigInt(random.int(1_000))
    case 4:
      return new Date(random.int(1e9))
    case 5:
      return Uint8Array.from(random.bytes(random.int(4)))
    case 6:
      return String(random.int(20))
    case 7:
      return Array.from({ length: random.int(3) }, () => randomValue(random, depth + 1))
    default:
      return randomParams(random, depth + 1)
  }
}

function randomParams(random: Random, depth = 0): Record<string, unknown> {
  const names = Array.from({ length: random.int(4) }, () => random.pick(['a', 'b', 'room', 'x.y', '0', 'é', ...TEXTS]))
  return Object.fromEntries(names.map(name => [name, randomValue(random, depth)]))
}

function shuffled(params: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).reverse())
}

function nameOf(path: string, params: unknown): string | undefined {
  try {
    return channelOf(path, params)
  } catch (error) {
    if (error instanceof TautlineError && error.code === 'INVALID_ARGUMENT') return undefined
    throw error
  }
}

export const channels: FuzzTarget = {
  name: 'channels',
  async begin() {
    return {
      play(random) {
        const [one, other] = [randomParams(random), randomParams(random)]
        const [path, otherPath] = [random.pick(['a', 'a.b', 'rooms.feed']), random.pick(['a', 'a.b', 'a@presence'])]
        const name = nameOf(path, one)
        if (name === undefined) return
        if (!/^[\w@.-]{1,1024}$/.test(name)) throw new Error(`not one token: ${name}`)
        if (nameOf(path, shuffled(one)) !== name) throw new Error('another order of keys is another channel')
        const isSame = path === otherPath && isDeepStrictEqual(one, other)
        if ((nameOf(otherPath, other) === name) !== isSame) throw new Error('two channels of one name')
      },
      async end() {},
    }
  },
}
