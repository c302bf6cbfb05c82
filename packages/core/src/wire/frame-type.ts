/**
 * The number that stands first in a frame. One constant each, so that a bundle holds the numbers and no table; to be
 * imported as `* as FrameType`.
 *
 * @module
 */
export const HELLO = 0
export const WELCOME = 1
export const CALL = 2
export const ITEM = 3
export const END = 4
export const FAIL = 5
export const CANCEL = 6
export const CREDIT = 7
export const SUBSCRIBE = 8
export const SUBSCRIBED = 9
export const MESSAGE = 10
export const RETRACT = 11
export const GAP = 12
export const UNSUBSCRIBE = 13
export const PUBLISH = 14
export const PING = 15
export const PONG = 16
export const ACK = 17
export const TOKEN = 18
export const DRAIN = 19
