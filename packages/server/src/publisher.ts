import { entriesOf, type Publisher } from '@tautline/core'
import { type Clock, Deadlines, systemClock } from '@tautline/core/wire'
import type { Broker } from './broker.ts'
import { GuardedBroker } from './guarded-broker.ts'
import { limitsOf } from './limits.ts'
import { Publications } from './publications.ts'
import { Topics } from './topics.ts'

/** Width of the slots of a publisher's deadlines, in ms. */
const RESOLUTION_MS = 100

/** Options of {@link publisher}. */
export interface PublisherOptions {
  /** Largest message that clients take, in bytes: what servers have in their `limits`. Default 1 MiB. */
  readonly messageBytes?: number
  /** Where time comes from; that of the machine unless a test owns it. */
  readonly clock?: Clock
}

/**
 * Publishes and retracts without a server: for modules that must not import it, and for processes that serve nobody.
 *
 * @param contract - whose topics are published on.
 * @param broker - that of the servers whose clients are to be told.
 * @throws TypeError when the contract has not been through `contract()`.
 */
export function publisher(contract: object, broker: Broker, options: PublisherOptions = {}): Publisher {
  const { messageBytes, clock = systemClock } = options
  const limits = limitsOf(messageBytes === undefined ? {} : { messageBytes })
  const entries = [...entriesOf(contract)].map(([path, entry]) => [path, { entry }] as const)
  const deadlines = new Deadlines(clock, RESOLUTION_MS)
  const topics = new Topics(
    new Map(entries),
    new Publications({ broker: new GuardedBroker(broker, deadlines, ignore), limits }),
  )
  return {
    publish: (topic, params, message, { idempotencyKey } = {}) =>
      topics.publish(topic, params, message, { key: idempotencyKey }),
    retract: (topic, params, key) => topics.retract(topic, params, key),
  }
}

/** Whoever publishes has the error, with its cause. */
function ignore(): void {}
