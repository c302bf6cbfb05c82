import { anyone, type Handlers } from '@tautline/server'
import { type Live, live, type Visitor } from '../contract.ts'
import type { BareLane } from './bare.ts'
import type { Guests } from './guests.ts'
import { closedUntil } from './hours.ts'

export function roomsOf(bare: BareLane, guests: Guests): Handlers<Live['rooms'], Visitor> {
  return {
    async post({ room, seq, text }, call) {
      const until = closedUntil(room, Date.now())
      if (until) throw call.error('ROOM_CLOSED', { until })
      bare.tell({ channel: room, author: call.context.id, seq })
      await call.publish(live.rooms.feed, { room }, { author: call.context, seq, text, at: new Date() })
      guests.hear(call.context)
    },
    feed: {
      subscribe: anyone,
      presence: (_room, { context }) => ({ who: context }),
    },
  }
}

export function stageOf(bare: BareLane): Handlers<Live['stage'], Visitor> {
  return {
    comments: {
      subscribe: anyone,
      publish(_room, { seq, text }, { context }) {
        bare.tell({ channel: 'comments', author: context.id, seq })
        return { author: context, seq, text }
      },
    },
    cursors: {
      subscribe: anyone,
      publish: (_room, { x, y }, { context }) => ({ who: context, x, y }),
    },
    beats: { subscribe: anyone },
  }
}
