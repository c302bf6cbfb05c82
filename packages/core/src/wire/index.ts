/**
 * The wire of Tautline, for authors of sockets, brokers and other clients. Applications need none of it.
 *
 * @module
 */
export * from './clock.ts'
export * from './close.ts'
export * from './codec.ts'
export * from './deadlines.ts'
export * from './exchange.ts'
export * from './following.ts'
export * from './frames.ts'
export * from './heartbeat.ts'
export * from './inlet.ts'
export * from './link.ts'
export * from './parse.ts'
export * from './peer.ts'
export * from './pipe.ts'
export * from './position.ts'
export * from './queue.ts'
export * from './replay.ts'
export * from './scan.ts'
export * from './socket.ts'
export * from './source.ts'
