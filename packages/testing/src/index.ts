/**
 * A network that drops, delays and partitions, in virtual time: for tests of applications that use Tautline.
 *
 * @module @tautline/testing
 */
export { expectClean } from './clean.ts'
export { VirtualClock } from './clock.ts'
export type { Conditions } from './direction.ts'
export { type Acceptor, Line, type LineClient, type Way } from './line.ts'
export { type NetOptions, type Network, net } from './net.ts'
export { randomFrom } from './random.ts'
