import { RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import type { EngineClock } from './engine-clock.ts'
import { isStreamGone } from './failures.ts'
import type { Engine } from './line.ts'
import { allSubjectsOf, ownSubjectOf } from './names.ts'
import type { NatsSettings } from './options.ts'
import { OF_SUBJECT, ROLLUP } from './rollup.ts'

/** The first version that has what is asked of it. */
const OLDEST_SERVER = [2, 9] as const
/** The first one that lets only one of two records take a place where several servers have to agree (nats-server #4320). */
const OLDEST_CLUSTER = [2, 11] as const
const FOR_REPLICAS = ' to keep a stream on several servers'
/** A server that has just deleted a stream breaks one that takes its place sooner than in so many ms. */
const REST_MS = 300

/** The stream that remembers: sees that it is there, and what it has to be. */
export class Stream {
  readonly #settings: NatsSettings
  readonly #clock: EngineClock
  /** When the stream was created that was there the last time. */
  #created: string | undefined

  constructor(settings: NatsSettings, clock: EngineClock) {
    this.#settings = settings
    this.#clock = clock
  }

  /**
   * Sees that an engine is one that a broker can be made of, creates the stream where it is not there, and asks what time
   * it is.
   *
   * @throws Error that says what is wrong, and what to do.
   */
  async prepare(engine: Engine): Promise<void> {
    checkVersion(engine, OLDEST_SERVER, '')
    this.#created = await this.#ensure(engine)
    await this.#clock.set(() => this.#askTime(engine))
  }

  /** Whether the stream is still the one that it was. */
  async isSame({ manager }: Engine): Promise<boolean> {
    try {
      const { created } = await manager.streams.info(this.#settings.stream)
      return created === this.#created
    } catch (error) {
      return !isStreamGone(error)
    }
  }

  async #ensure(engine: Engine): Promise<string> {
    const { manager } = engine
    const { stream, prefix, replicas, clock } = this.#settings
    try {
      const { config, created } = await manager.streams.info(stream)
      if (config.num_replicas > 1) checkVersion(engine, OLDEST_CLUSTER, FOR_REPLICAS)
      const wrong = shortcomingsOf(config, prefix)
      if (wrong.length > 0) throw new TypeError(`nats: the stream ${stream} needs ${wrong.join(', ')}`)
      return created
    } catch (error) {
      if (!isStreamGone(error)) throw error
      if (replicas > 1) checkVersion(engine, OLDEST_CLUSTER, FOR_REPLICAS)
      if (this.#created !== undefined) await new Promise<void>(resolve => clock.setTimeout(resolve, REST_MS))
      const own = { name: stream, num_replicas: replicas, storage: StorageType.File }
      const { created } = await manager.streams.add({ ...needed(prefix), ...own })
      return created
    }
  }

  async #askTime({ streams, manager }: Engine): Promise<number> {
    const { stream, prefix } = this.#settings
    const subject = ownSubjectOf(prefix, 'clock')
    const written = headers()
    written.append(ROLLUP, OF_SUBJECT)
    await streams.publish(subject, '', { headers: written })
    // Another one may have asked meanwhile: its answer is as good as ours.
    const message = await manager.streams.getMessage(stream, { last_by_subj: subject })
    if (!message) throw new Error('nats: the stream does not keep what it takes')
    return message.time.getTime()
  }
}

function checkVersion({ connection }: Engine, [oldest, oldestMinor]: readonly [number, number], why: string): void {
  const { version = 'unknown' } = connection.info ?? {}
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > oldest || (major === oldest && minor >= oldestMinor)) return
  throw new TypeError(`nats: needs nats-server ${oldest}.${oldestMinor} or newer${why}, and this is ${version}`)
}

function needed(prefix: string) {
  const { memory, feed } = allSubjectsOf(prefix)
  return {
    subjects: [memory],
    republish: { src: memory, dest: feed },
    retention: RetentionPolicy.Limits,
    allow_direct: true,
    allow_rollup_hdrs: true,
  }
}

function shortcomingsOf(config: StreamConfig, prefix: string): string[] {
  const { memory, feed } = allSubjectsOf(prefix)
  const { subjects, republish, retention } = config
  const needs: readonly (readonly [string, boolean])[] = [
    [`subjects to be ${memory}`, subjects.join() === memory],
    [`to republish from ${memory} to ${feed}`, republish?.src === memory && republish.dest === feed],
    ['limits retention', retention === RetentionPolicy.Limits],
    ['allow_direct', config.allow_direct],
    ['allow_rollup_hdrs', config.allow_rollup_hdrs],
    ['no max_msgs_per_subject', config.max_msgs_per_subject <= 0],
    ['to permit that messages are purged and deleted', !config.deny_purge && !config.deny_delete],
  ]
  return needs.filter(([, isMet]) => !isMet).map(([need]) => need)
}
