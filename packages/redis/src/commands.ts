import type { Writable } from 'node:stream'
import { TautlineError } from '@tautline/core'
import type { Deadlines } from '@tautline/core/wire'
import type { Cluster } from 'ioredis'
import { dialCommands, isCluster, type RedisClient } from './client.ts'
import { failed, ignore, notSent } from './failures.ts'
import type { Script } from './scripts.ts'

/** So much may be under way at a time: beyond it, nothing more is sent. */
const MOST_COMMANDS = 20_000
const MOST_BYTES = 64 * 1_024 * 1_024
/** What a command costs beside its arguments, in bytes. */
const OVERHEAD = 256
/** An engine that says nothing is asked for a sign of life this often, in ms. */
const PING_MS = 1_000
/** Who asks before the first connection stands waits for it, for so many ms. */
const PATIENCE_MS = 2_000
/** The first version of Redis with sharded pub/sub. */
const SHARDED_SINCE = 7

/** What scripts take and give. */
export type Argument = string | number | Buffer

/** The process behind the connection, and whether its memory outlives it; in a cluster scripts find out themselves. */
export interface Run {
  /** The beginning of the engine's `run_id`: long enough to tell one process from the next. */
  readonly id: string
  readonly durable: boolean
  /** Whether this is a cluster all of whose masters have sharded pub/sub. */
  readonly sharded: boolean
}

type State =
  | { readonly kind: 'dialling' }
  | { readonly kind: 'up'; readonly run: Run }
  | { readonly kind: 'down' }
  | { readonly kind: 'closed' }

/** The connection on which scripts are run. Everything on it settles, and nothing is sent twice. */
export class Commands {
  readonly connection: RedisClient
  readonly #deadlines: Deadlines
  readonly #changed: () => void
  #state: State = { kind: 'dialling' }
  #underWay = 0
  #bytes = 0
  #ticking = false
  #corked: readonly Writable[] = []
  readonly #begun: Promise<void>
  #begin: () => void = () => undefined
  #lastError: unknown
  /** Is not asked again: servers that tell in one way and listen in another do not understand each other. */
  #sharded: boolean | undefined

  /** @param changed - told whenever {@link Commands.up} may have changed. */
  constructor(client: RedisClient, deadlines: Deadlines, changed: () => void) {
    this.#deadlines = deadlines
    this.#changed = changed
    this.#begun = new Promise(resolve => {
      this.#begin = resolve
    })
    deadlines.add(PATIENCE_MS, this.#begin)
    this.connection = dialCommands(client)
    this.connection.on('error', (error: unknown) => {
      this.#lastError = error
    })
    this.connection.on('ready', () => void this.#meet())
    this.connection.on('close', () => this.#become({ kind: 'down' }))
    this.#ping()
  }

  get up(): boolean {
    return this.#state.kind === 'up'
  }

  /**
   * Runs a script.
   *
   * @param argumentsOf - makes the arguments, once it is known who will take them.
   * @throws {@link TautlineError} `UNAVAILABLE`, with a true `mayHaveRun`.
   */
  run(script: Script, keys: readonly string[], argumentsOf: (run: Run) => readonly Argument[]): Promise<unknown> {
    return this.#send(EVALSHA, run => [script.sha, keys.length, ...keys, ...argumentsOf(run)], script)
  }

  /**
   * Tells all who listen to a feed, without a script.
   *
   * @param commandOf - `PUBLISH` or `SPUBLISH`, once it is known who will take it.
   * @throws {@link TautlineError} `UNAVAILABLE`, with a true `mayHaveRun`.
   */
  tell(commandOf: (run: Run) => string, feed: string, message: Buffer): Promise<unknown> {
    return this.#send(commandOf, () => [feed, message])
  }

  /**
   * Whether there is sharded pub/sub.
   *
   * @throws {@link TautlineError} `UNAVAILABLE` when nobody is there who could say so.
   */
  async sharded(): Promise<boolean> {
    if (this.#state.kind === 'dialling') await this.#begun
    this.checkOpen()
    if (this.#sharded === undefined) throw notSent('Redis cannot be reached', this.#lastError)
    return this.#sharded
  }

  /** @throws {@link TautlineError} `UNAVAILABLE` when it is closed. */
  checkOpen(): void {
    if (this.#state.kind === 'closed') throw notSent('the broker is closed')
  }

  close(): void {
    this.#become({ kind: 'closed' })
    this.connection.disconnect()
  }

  /** One step of each publication of a busy server: it copies and waits no more than it must. */
  async #send(
    commandOf: (run: Run) => string,
    argumentsOf: (run: Run) => Argument[],
    script?: Script,
  ): Promise<unknown> {
    if (this.#underWay >= MOST_COMMANDS) throw notSent('too much is under way to Redis')
    this.#underWay += 1
    let bytes = 0
    try {
      if (this.#state.kind === 'dialling') await this.#begun
      if (this.#state.kind === 'closed') throw notSent('the broker is closed')
      if (this.#state.kind !== 'up') throw notSent('Redis cannot be reached', this.#lastError)
      const { run } = this.#state
      const args = argumentsOf(run)
      const size = sizeOf(args)
      if (this.#bytes > 0 && this.#bytes + size > MOST_BYTES) throw notSent('too much is under way to Redis')
      bytes = size
      this.#bytes += bytes
      this.#cork()
      try {
        return await this.connection.callBuffer(commandOf(run), args)
      } catch (error) {
        if (!script || !(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
        return await this.connection.callBuffer('EVAL', [script.lua, ...args.slice(1)])
      }
    } catch (error) {
      throw error instanceof TautlineError ? error : failed(error)
    } finally {
      this.#bytes -= bytes
      this.#underWay -= 1
    }
  }

  /** What is sent in one tick is written in two goes: the first leaves at once, for mostly there is no other. */
  #cork(): void {
    if (!this.#ticking) {
      this.#ticking = true
      process.nextTick(this.#uncork)
    } else if (this.#corked.length === 0) {
      this.#corked = nodesOf(this.connection).flatMap(({ stream }) => stream ?? [])
      for (const stream of this.#corked) stream.cork()
    }
  }

  readonly #uncork = (): void => {
    this.#ticking = false
    for (const stream of this.#corked) stream.uncork()
    this.#corked = []
  }

  /** Who is there? A process that has forgotten everything must not be taken for the one before it. */
  async #meet(): Promise<void> {
    const { connection } = this
    try {
      const met = isCluster(connection) ? await greet(connection) : runOf(await connection.info())
      this.#sharded ??= met.sharded
      const run = { ...met, sharded: this.#sharded }
      if (connection.status === 'ready') this.#become({ kind: 'up', run })
    } catch (error) {
      this.#lastError = error
      if (this.#state.kind !== 'closed') connection.disconnect(true)
    }
  }

  #become(state: State): void {
    if (this.#state.kind === 'closed') return
    this.#state = state
    if (state.kind !== 'down') this.#begin()
    this.#changed()
  }

  /** With something under way, silence is noticed: `ioredis` gives the connection up. */
  #ping(): void {
    if (this.#state.kind === 'closed') return
    for (const node of nodesOf(this.connection)) if (node.status === 'ready') node.ping().catch(ignore)
    this.#deadlines.add(PING_MS, () => this.#ping())
  }
}

function nodesOf(connection: RedisClient) {
  return isCluster(connection) ? connection.nodes('master') : [connection]
}

const EVALSHA = () => 'EVALSHA'

/**
 * A cluster dials its nodes when they are first asked for something: that shall be nothing that matters.
 *
 * @throws whatever the last of its nodes says, when none answers.
 */
async function greet(cluster: Cluster): Promise<Run> {
  const asked = cluster.nodes('master').map(node => node.info('server'))
  const infos = (await Promise.allSettled(asked)).flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
  if (infos.length === 0) await Promise.any(asked)
  return { id: '', durable: false, sharded: infos.every(info => majorOf(info) >= SHARDED_SINCE) }
}

function majorOf(info: string): number {
  return Number(/^redis_version:(\d+)/m.exec(info)?.[1] ?? 0)
}

function runOf(info: string): Run {
  const id = /^run_id:(\w{12})/m.exec(info)?.[1] ?? ''
  return { id, durable: /^aof_enabled:1/m.test(info), sharded: false }
}

function sizeOf(args: readonly Argument[]): number {
  let size = OVERHEAD
  for (const each of args) size += typeof each === 'number' ? 8 : each.length
  return size
}
