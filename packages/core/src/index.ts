/**
 * The contract of an application, shared by its client and its server: {@link contract}, {@link procedure},
 * {@link stream}, {@link topic}; and the error and the types that both sides speak in.
 *
 * @module
 */
export { channelOf } from './channel.ts'
export type * from './client-types.ts'
export {
  contract,
  type Group,
  type Procedure,
  type ProcedureOptions,
  procedure,
  type Stream,
  type StreamParts,
  stream,
  type Topic,
  type TopicParts,
  topic,
} from './contract.ts'
export type * from './entry.ts'
export {
  type CanonicalCode,
  CODES,
  type CodeInfo,
  fromWire,
  type Issue,
  isCanonicalCode,
  TautlineError,
  type TautlineErrorOptions,
  toWire,
  type WireError,
} from './errors.ts'
export { hashOf, numbersOf } from './hash.ts'
export type * from './infer.ts'
export { entriesOf, mapEntries, type Outline, outlineOf } from './outline.ts'
export {
  type Memory,
  memoryOf,
  type Retain,
  type RetainCount,
  type RetainLatest,
  type RetainSeconds,
} from './retain.ts'
export { isSchema, type Part, parse, type Schema } from './schema.ts'
export type * from './server-types.ts'
