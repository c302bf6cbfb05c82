/**
 * The close codes by their meaning (protocol.md, "Leaving"). One constant each, so that a bundle holds the numbers that it
 * uses and no table; to be imported as `* as CloseCode`.
 *
 * @module
 */
export const DONE = 1000
export const GOING_AWAY = 1001
export const NO_STATUS = 1005
export const ABNORMAL = 1006
export const POLICY = 1008
export const TOO_BIG = 1009
export const INTERNAL = 1011
export const RESTART = 1012
export const TRY_LATER = 1013
export const DRAINING = 4001
export const SLOW_READER = 4002
export const SILENT = 4003
export const OVERLOADED = 4004
export const STATE_LOST = 4006
export const NO_HELLO = 4008
export const RATE = 4029
export const EXPIRED = 4100
export const PROTOCOL_ERROR = 4500
export const UNAUTHENTICATED = 4501
export const PERMISSION_DENIED = 4503
export const VERSION = 4526
export const REPLACED = 4590
