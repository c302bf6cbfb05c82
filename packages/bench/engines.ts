import type { Subject } from './subjects.ts'

/** Engines that carry messages from one node to another. */
export type EngineName = 'redis' | 'nats'

/** Two nodes on an engine, by hand or with Tautline. Both nodes are the same server; one publishes, one has the client. */
export interface EngineSubject extends Subject {
  readonly engine: EngineName
  /** What it is compared with: itself, if it is written by hand. */
  readonly floor: string
  /** What Tautline shall cost at most, as a ratio to that. */
  readonly ship?: number
}

const SHIP = 1.5

function byHand(engine: EngineName, work: string, name: string, note: string): EngineSubject {
  const env = { ENGINE_WORK: work }
  return { engine, name, floor: name, server: `engine-${engine}`, client: 'floor', note, env }
}

/** What the floors do not. */
const KEEPS =
  '; its publisher learns epoch and offset, what is kept has limits in bytes and a time, and an engine that has lost something is noticed'

function tautline(engine: EngineName, floor: string, retains: boolean): EngineSubject {
  const name = `Tautline, ${retains ? 'a log of 500' : 'nothing retained'}, on ${engine}`
  const note = `validated, encoded once; the other node holds one subscription and decodes nothing${retains ? KEEPS : ''}`
  const env = { ENGINE: engine, ENGINE_RETAINS: retains ? '1' : '' }
  return { engine, name, floor, server: 'engine-tautline', client: 'tautline', note, env, ship: SHIP }
}

const PUBLISH = 'bare `PUBLISH`'
const SCRIPT = '`HINCRBY`, `XADD`, `PUBLISH` in one script'

const CORE = 'core NATS, flushed'
const REPUBLISHED = 'JetStream, acknowledged, republished'

/** By engine: those written by hand, each before what is compared with it. */
export const ENGINE_SUBJECTS: readonly EngineSubject[] = [
  byHand('redis', 'publish', PUBLISH, 'who was not there misses it, and nobody knows'),
  tautline('redis', PUBLISH, false),
  byHand('redis', 'multi', '`XADD`, `PUBLISH` in `MULTI`', 'kept, but a reader cannot tell what it has missed'),
  byHand(
    'redis',
    'script',
    SCRIPT,
    'kept and numbered: the least with which a listener that stays sees what it missed; one that comes back does not see that an engine was emptied',
  ),
  tautline('redis', SCRIPT, true),
  byHand('nats', 'core', CORE, 'who was not there misses it, and nobody knows'),
  tautline('nats', CORE, false),
  byHand(
    'nats',
    'jetstream',
    'JetStream, acknowledged',
    'kept, 500 of a subject; a listener hears it from core NATS, before it is kept, and cannot tell what it missed',
  ),
  byHand(
    'nats',
    'republish',
    REPUBLISHED,
    'kept, 500 of a subject, and told with its number once it is kept: the least with which a listener that stays sees what it missed',
  ),
  tautline('nats', REPUBLISHED, true),
]
