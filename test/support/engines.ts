import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pass } from 'node:timers/promises'
import { type Broker, TautlineError } from '@tautline/server'
import { findBinary, type ToolName, tools } from '../../scripts/tools.ts'
import { EngineProcess, freePort } from './engine-process.ts'

/** How long an engine may take to listen, in ms. */
const BEGIN_MS = 30_000

/** How an engine is started, and how a server comes to a broker on it. */
interface Kind {
  readonly args: (port: number, dir: string) => readonly string[]
  readonly broker: (port: number) => Promise<Broker>
}

/** Every engine that a cluster can stand on. What it needs is loaded only by who uses it. */
const kinds = {
  redis: {
    args: (port, dir) => ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''],
    broker: async port => {
      const [{ redis }, { Redis }] = await Promise.all([import('@tautline/redis'), import('ioredis')])
      return redis(new Redis({ port, host: '127.0.0.1', lazyConnect: true }))
    },
  },
  nats: {
    args: (port, dir) => ['-js', '-sd', dir, '-a', '127.0.0.1', '-p', String(port)],
    broker: async port => (await import('@tautline/nats')).nats({ servers: `127.0.0.1:${port}` }),
  },
} as const satisfies Partial<Record<ToolName, Kind>>

export type EngineName = keyof typeof kinds

/** An engine that runs somewhere on this machine. */
export interface EngineAddress {
  readonly name: EngineName
  readonly port: number
}

/** The engine that was asked for by `TAUTLINE_BROKER`; Redis otherwise. */
export function engineAsked(name = process.env['TAUTLINE_BROKER'] ?? 'redis'): EngineName {
  if (Object.hasOwn(kinds, name)) return name as EngineName
  throw new Error(`there is no engine ${name}; there are: ${Object.keys(kinds).join(', ')}`)
}

/** A broker on an engine, for one process. */
export function brokerOn({ name, port }: EngineAddress): Promise<Broker> {
  return kinds[name].broker(port)
}

/** Whether a server only says that its engine did not answer: one that gets no time to does not, and that is no fault. */
export function isAway(error: unknown): boolean {
  return error instanceof TautlineError && error.code === 'UNAVAILABLE'
}

/** One of them, on a free port. */
export class Engine extends EngineProcess implements EngineAddress {
  readonly name: EngineName

  private constructor(name: EngineName, port: number) {
    super(name, port)
    this.name = name
    const { binary } = tools[name]
    this.spawn(findBinary(binary) ?? binary, kinds[name].args(port, this.dir))
  }

  static async start(name: EngineName): Promise<Engine> {
    const engine = new Engine(name, await freePort())
    const end = performance.now() + BEGIN_MS
    while (!(await listens(engine.port))) {
      if (performance.now() > end) throw new Error(`${name} did not listen within ${BEGIN_MS} ms`)
      await pass(20)
    }
    return engine
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
