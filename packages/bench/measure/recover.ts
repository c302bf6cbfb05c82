import { type ChildProcess, execFileSync } from 'node:child_process'
import type { Answer, Order } from '../load/crowd.ts'
import { firstMessage, forkModule, Running, within } from '../running.ts'
import { TAUTLINE } from '../subjects.ts'
import { at } from './latency.ts'

/** How a crowd came back. */
export interface Recovery {
  readonly clients: number
  /** Until the server listened again, in ms. */
  readonly listening: number
  /** Until half of the clients, 99 % and all of them were back, in ms. */
  readonly p50: number
  readonly p99: number
  readonly all: number
  /** How many were told that messages are lost. */
  readonly gaps: number
  /** CPU for each client, in µs: of the server, and of the client itself. */
  readonly server: number
  readonly client: number
}

/** In one process. */
const CLIENTS = 2_500
/** Published while nobody is connected. */
const MISSED = 5
const PATIENCE_MS = 300_000
/** Files that a process opens besides sockets. */
const SPARE_FILES = 200

/**
 * A topic that so many clients follow, and all their sockets cut at once: each resumes, and has heard everything that was
 * published meanwhile.
 */
export async function recoverFromCut(count: number): Promise<Recovery> {
  const server = await Running.start(TAUTLINE)
  const crowd = await Crowd.follow(server, count)
  try {
    const before = await server.usage()
    const back = crowd.expect(MISSED)
    const cutAt = now()
    await crowd.tell({ do: 'cut' })
    for (let i = 0; i < MISSED; i++) await server.publish(1)
    const { times, gaps, cpu } = await Promise.race([back, server.failure])
    const after = await server.usage()
    return recoveryOf(times, { since: cutAt, listening: 0, gaps, server: after.cpu - before.cpu, client: cpu })
  } finally {
    await server.kill()
    crowd.end()
  }
}

/**
 * A topic that so many clients follow, whose server is killed, and another started in its place at once: each is back, and
 * knows where it stands. The memory of the topic died with the process, so each is told that there is a gap.
 */
export async function recoverFromCrash(count: number): Promise<Recovery> {
  const first = await Running.start(TAUTLINE)
  const crowd = await Crowd.follow(first, count)
  let second: Running | undefined
  try {
    const back = crowd.expect(1)
    const killedAt = now()
    await first.kill()
    second = await Running.start(TAUTLINE, { BENCH_PORT: `${first.port}` })
    const listening = now() - killedAt
    const before = await second.usage()
    const { times, gaps, cpu } = await Promise.race([back, second.failure])
    const after = await second.usage()
    return recoveryOf(times, { since: killedAt, listening, gaps, server: after.cpu - before.cpu, client: cpu })
  } finally {
    await second?.kill()
    await first.kill()
    crowd.end()
  }
}

/** The most clients that one server can have here: each is an open file. */
export function mostClients(): number {
  const limit = Number(execFileSync('sh', ['-c', 'ulimit -H -n'], { encoding: 'utf8' }))
  return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit - SPARE_FILES
}

type Return = Omit<Extract<Answer, { did: 'return' }>, 'did'>

/** Real clients, in a few processes. */
class Crowd {
  readonly #processes: readonly ChildProcess[]

  private constructor(processes: readonly ChildProcess[]) {
    this.#processes = processes
  }

  /** Resolves when all of them follow the topic. */
  static async follow(server: Running, count: number): Promise<Crowd> {
    const processes = Math.ceil(count / CLIENTS)
    const crowd = new Crowd(Array.from({ length: processes }, () => forkModule('load/crowd')))
    try {
      await Promise.all(crowd.#processes.map(each => firstMessage(each, 'a crowd gathers')))
      const url = `ws://127.0.0.1:${server.port}/live`
      await crowd.tell({ do: 'follow', url, count: Math.ceil(count / processes) })
      return crowd
    } catch (error) {
      crowd.end()
      await server.kill()
      throw error
    }
  }

  /** Tells all of them, and waits until they have done so. */
  async tell(order: Order): Promise<void> {
    const done = this.#answers(order.do)
    for (const each of this.#processes) each.send(order)
    await done
  }

  /** Resolves when all of them are back: have heard so many messages, or of a gap. */
  async expect(messages: number): Promise<Return> {
    const returns = this.#answers('return')
    await this.tell({ do: 'expect', messages })
    const all = await returns
    return {
      times: all.flatMap(({ times }) => times),
      gaps: all.reduce((sum, { gaps }) => sum + gaps, 0),
      cpu: all.reduce((sum, { cpu }) => sum + cpu, 0),
    }
  }

  end(): void {
    for (const each of this.#processes) each.kill('SIGKILL')
  }

  #answers<Did extends Answer['did']>(did: Did): Promise<Extract<Answer, { did: Did }>[]> {
    const answers = this.#processes.map(each => answerOf(each, did))
    return within(Promise.all(answers), `the crowd: ${did}`, PATIENCE_MS)
  }
}

/** The next answer of a kind, whatever comes before it. */
function answerOf<Did extends Answer['did']>(child: ChildProcess, did: Did): Promise<Extract<Answer, { did: Did }>> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      child.off('message', hear)
      child.off('exit', end)
    }
    const hear = (answer: Answer): void => {
      if (answer.did !== did) return
      stop()
      resolve(answer as Extract<Answer, { did: Did }>)
    }
    const end = (): void => {
      stop()
      reject(new Error('a process of the crowd ended'))
    }
    child.on('message', hear)
    child.on('exit', end)
  })
}

function recoveryOf(
  times: readonly number[],
  told: { since: number; listening: number; gaps: number; server: number; client: number },
): Recovery {
  const sorted = times.map(time => time - told.since).sort((a, b) => a - b)
  const clients = times.length
  return {
    clients,
    listening: told.listening,
    p50: at(sorted, 0.5),
    p99: at(sorted, 0.99),
    all: at(sorted, 1),
    gaps: told.gaps,
    server: told.server / clients,
    client: told.client / clients,
  }
}

/** In ms since 1970: the same in all processes. */
function now(): number {
  return performance.timeOrigin + performance.now()
}
