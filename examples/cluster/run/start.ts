import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type Balancer, balance } from './balancer.ts'
import { buildPage } from './build.ts'
import { startEngine } from './engine.ts'
import { Member, type Order } from './member.ts'

export interface Options {
  /** Where the balancer listens, or on the next one that is free. */
  readonly port: number
}

export interface Running {
  readonly port: number
  /** Drains: what is open is finished first. */
  readonly close: () => Promise<void>
}

/** A Redis, two servers, a balancer in front of them, a worker behind them, and two dozen guests. */
export async function start({ port }: Options): Promise<Running> {
  const engine = await startEngine()
  const members = ['A', 'B'].map(name => new Member(name, engine.url, order => obey(order)))
  const others: ChildProcess[] = []
  let balancer: Balancer | undefined

  function obey({ server, how }: Order): void {
    const member = members.find(({ name }) => name === server)
    if (how === 'kill') member?.kill()
    else void member?.restart()
  }
  function begin(name: string, env: NodeJS.ProcessEnv): void {
    others.push(fork(new URL(`../${name}.ts`, import.meta.url), { env: { ...process.env, ...env } }))
  }
  async function close(): Promise<void> {
    await Promise.all(others.map(end))
    await Promise.all(members.map(member => member.close()))
    await balancer?.close()
    await engine.close()
  }

  try {
    await Promise.all([buildPage(), ...members.map(member => member.start())])
    balancer = await balance(port, () => members.flatMap(({ port }) => port ?? []))
    begin('worker', { REDIS_URL: engine.url })
    begin('guests', { URL: `ws://localhost:${balancer.port}/live` })
    return { port: balancer.port, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
