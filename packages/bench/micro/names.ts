import { channelOf } from '@tautline/core'
import { bench, do_not_optimize, group } from 'mitata'

/** From a topic's params to the name of its channel. */
export function benchNames(): void {
  group('the name of a channel', () => {
    bench('of one param', () => do_not_optimize(channelOf('rooms.feed', { room: 'lobby' })))
    bench('of none', () => do_not_optimize(channelOf('rooms.feed', undefined)))
  })
}
