import { type AnyEntry, parse, TautlineError, type TopicEntry, type TopicRef } from '@tautline/core'
import { type Position, positionText } from '@tautline/core/wire'
import { isThenable } from './thenable.ts'

/** How a message is published. */
export interface PublishOptions {
  /** With the same key it is published once. */
  readonly key?: string | undefined
  /** Public id of the session whose end takes an owned key out of a `latestBy` topic. */
  readonly owner?: string | undefined
}

/** What calls need of the topics. Params are parsed, messages are not. */
export interface TopicsPort {
  publish(topic: TopicEntry, params: unknown, message: unknown, options?: PublishOptions): Promise<Position>
  retract(topic: TopicEntry, params: unknown, key: string): Promise<unknown>
}

/** What is known of a contract, by path. */
type Entries = { get(path: string): { readonly entry: AnyEntry } | undefined }

/** Publishes and retracts for code of this process: what does not fit is that code's mistake, and no caller's. */
export class Topics {
  readonly #routes: Entries
  readonly #port: TopicsPort

  constructor(routes: Entries, port: TopicsPort) {
    this.#routes = routes
    this.#port = port
  }

  /** Publishes on the topic of that reference. */
  async publish(
    ref: TopicRef<never, never>,
    params: unknown,
    message: unknown,
    options?: PublishOptions,
  ): Promise<string | undefined> {
    const topic = this.#entry(ref)
    const parsed = this.#params(topic, params)
    const position = this.publishParsed(topic, isThenable(parsed) ? await parsed : parsed, message, options)
    return positionText(await position)
  }

  /** Publishes with params that have been parsed. */
  async publishParsed(
    topic: TopicEntry,
    params: unknown,
    message: unknown,
    options?: PublishOptions,
  ): Promise<Position> {
    try {
      return await this.#port.publish(topic, params, message, options)
    } catch (error) {
      throw ours(error, `'${topic.path}' was given a message that does not fit`)
    }
  }

  /** Takes the newest message of a key out of a `latestBy` topic. */
  async retract(ref: TopicRef<never, never>, params: unknown, key: string): Promise<void> {
    const topic = this.#entry(ref)
    await this.#port.retract(topic, await this.#params(topic, params), key)
  }

  /** A promise only where their schema answers with one. */
  #params({ path, params: schema }: TopicEntry, params: unknown): unknown {
    const fail = (error: unknown): never => {
      throw ours(error, `'${path}' was given params that do not fit`)
    }
    try {
      const parsed = parse(schema, params, 'params')
      return isThenable(parsed) ? parsed.then(undefined, fail) : parsed
    } catch (error) {
      return fail(error)
    }
  }

  #entry(ref: TopicRef<never, never>): TopicEntry {
    const entry = this.#routes.get(ref.path)?.entry
    if (entry?.kind !== 'topic') throw new TypeError(`the contract has no topic '${ref.path}'`)
    return entry
  }
}

function ours(error: unknown, what: string): unknown {
  if (!(error instanceof TautlineError) || error.code !== 'INVALID_ARGUMENT') return error
  return new TypeError(`${what}: ${error.message}`, { cause: error })
}
