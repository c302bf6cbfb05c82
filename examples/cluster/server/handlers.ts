import { anyone, type Handlers } from '@tautline/server'
import type { Cluster } from '../contract.ts'

/** Who is who, as `authenticate` made it. */
export interface Visitor {
  readonly name: string
}

/** What one of the servers does; all do the same, and say which they are. */
export function handlersOf(here: { readonly server: string; readonly pid: number }): Handlers<Cluster, Visitor> {
  return {
    here: () => here,
    operate(order, { error }) {
      if (!process.send) throw error('FAILED_PRECONDITION', 'this server was not started by the example')
      process.send(order)
    },
    beats: { subscribe: anyone },
    notes: {
      subscribe: anyone,
      publish: (_, { text }, { context }) => ({ ...here, author: context.name, text, at: new Date() }),
      presence: (_, { context }) => ({ ...here, name: context.name }),
    },
    servers: { subscribe: anyone },
    tallies: { subscribe: anyone, publish: (_, tally) => tally },
  }
}
