import { setTimeout as pass } from 'node:timers/promises'
import type { Chaos } from '../../test/support/chaos.ts'
import type { Camp } from './camp.ts'

/** Something goes wrong so often, on average, in ms. */
const FAULT_MS = 3_000
/** One fault in so many ends a server. */
const END_EVERY = 8

type Random = () => number
type Happen = (random: Random, camp: Camp, line: Chaos) => Promise<void> | void

/** What goes wrong, and how likely it is compared with the rest. Everything is whole again in the end. */
const FAULTS: readonly (readonly [weight: number, name: string, happen: Happen])[] = [
  [4, 'cut', (_, __, line) => line.cut()],
  [2, 'cut with FIN', (_, __, line) => line.cut('fin')],
  [4, 'cut within', (random, _, line) => line.cutAfter(random() < 0.5 ? 'up' : 'down', Math.floor(5_000 * random()))],
  [2, 'reply dropped', (_, __, line) => line.dropReply()],
  [2, 'half open', (random, _, line) => line.halfOpen((['up', 'down', 'both'] as const)[Math.floor(3 * random())])],
  [
    3,
    'blackhole',
    (random, _, line) =>
      between(
        () => line.hold(),
        () => line.release(),
        1_000 + 9_000 * random(),
      ),
  ],
  [
    1,
    'refused',
    (random, _, line) =>
      between(
        () => refuse(line, true),
        () => refuse(line, false),
        4_000 * random(),
      ),
  ],
  [
    2,
    'slow',
    (random, _, line) =>
      between(
        () => slow(line, 3_000),
        () => slow(line),
        6_000 * random(),
      ),
  ],
  [
    1,
    'sliced',
    (random, _, line) =>
      between(
        () => slice(line, 30),
        () => slice(line),
        6_000 * random(),
      ),
  ],
  [1, 'session lost', (_, { server, players }) => server.forget(players[0]?.name ?? '')],
  [
    1,
    'tokens expire',
    (_, { server }) =>
      between(
        () => server.expire(2_000),
        () => server.expire(undefined),
        8_000,
      ),
  ],
  [
    1,
    'server stopped',
    (random, { server }) =>
      between(
        () => server.stop(),
        () => server.go(),
        3_000 * random(),
      ),
  ],
]

/** What only happens to a server that does not stay. */
const ENDS: readonly (readonly [weight: number, name: string, happen: Happen])[] = [
  [1, 'killed', (_, camp) => camp.kill()],
  [1, 'drained', (_, camp) => camp.drain()],
]

/**
 * Does harm until it is over; resolves when all is whole again.
 *
 * @param count - told the name of each fault.
 */
export async function harm(
  { random, steady, restless }: { random: Random; steady: Camp; restless: Camp },
  isOver: () => boolean,
  count: (fault: string) => void,
): Promise<void> {
  const lasting: (Promise<void> | void)[] = []
  for (let n = 1; !isOver(); n++) {
    await pass(2 * FAULT_MS * random())
    const ends = n % END_EVERY === 0
    const camp = ends || random() < 0.5 ? restless : steady
    const line = camp.lines[Math.floor(random() * camp.lines.length)]
    if (!line) throw new Error('nobody is there')
    const [, name, happen] = oneOf(ends ? ENDS : FAULTS, random)
    count(name)
    // A server is replaced before anything else happens; what happens to lines may overlap.
    if (ends) await happen(random, camp, line)
    else lasting.push(happen(random, camp, line))
  }
  await Promise.all(lasting)
}

async function between(begin: () => void, end: () => void, ms: number): Promise<void> {
  begin()
  await pass(ms)
  end()
}

function refuse(line: Chaos, refused: boolean): void {
  line.refuse = refused
  if (refused) line.cut()
}

function slow(line: Chaos, bytesPerSecond = Number.POSITIVE_INFINITY): void {
  line.up.bytesPerSecond = line.down.bytesPerSecond = bytesPerSecond
}

function slice(line: Chaos, bytes = Number.POSITIVE_INFINITY): void {
  line.up.slice = line.down.slice = bytes
}

function oneOf<Fault extends readonly [weight: number, ...rest: unknown[]]>(
  weighted: readonly Fault[],
  random: Random,
): Fault {
  let left = random() * weighted.reduce((sum, [weight]) => sum + weight, 0)
  for (const one of weighted) {
    left -= one[0]
    if (left < 0) return one
  }
  throw new Error('nothing can go wrong')
}
