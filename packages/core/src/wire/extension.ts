/**
 * The extension types of MessagePack that Tautline knows (protocol.md, "Values"); to be imported as `* as Extension`.
 *
 * @module
 */

/** A `Date`, as MessagePack has it. */
export const TIMESTAMP = -1
/** A `bigint`: decimal digits in ASCII, perhaps after a minus. */
export const BIGINT = 1
/** A `Map`: one array of keys and values in turn. */
export const MAP = 2
/** A `Set`: one array. */
export const SET = 3
