/** The codes by their meaning (protocol.md, "Leaving"). */
export * as CloseCode from './close-code.ts'

/** What a client does after a close: come back, come back with a fresh token, or stay away. */
export type ClosePolicy = 'reconnect' | 'token' | 'stop'

/** What a close code says. */
export interface CloseMeaning {
  readonly name: string
  readonly policy: ClosePolicy
  /** Whether the session is over when the server sends it: a client that comes back opens a new one. */
  readonly endsSession: boolean
}

/** What follows its range says no more than its name. */
const meanings: ReadonlyMap<number, CloseMeaning> = new Map([
  meaning(1000, 'done', 'stop', true),
  meaning(1001, 'going away'),
  meaning(1005, 'no status'),
  meaning(1006, 'connection lost'),
  meaning(1008, 'limits of the WebSocket layer broken', 'stop', true),
  meaning(1009, 'message too big', 'reconnect', true),
  meaning(1011, 'server error'),
  meaning(1012, 'service restart'),
  meaning(1013, 'try again later'),
  meaning(4001, 'draining'),
  meaning(4002, 'slow reader'),
  meaning(4003, 'silent'),
  meaning(4004, 'overloaded'),
  meaning(4006, 'state lost'),
  meaning(4008, 'no HELLO in time'),
  meaning(4029, 'rate limit'),
  meaning(4100, 'token expired'),
  meaning(4500, 'protocol error'),
  meaning(4501, 'not authenticated'),
  meaning(4503, 'permission denied'),
  meaning(4526, 'version not supported'),
  meaning(4590, 'replaced by a newer connection'),
])

/** What a close code says; one that nobody knows follows its range. */
export function meaningOf(code: number): CloseMeaning {
  return meanings.get(code) ?? meaning(code, `code ${code}`)[1]
}

/** What a client does after a close with this code. */
export function policyOf(code: number): ClosePolicy {
  return meaningOf(code).policy
}

/** The longest reason that a WebSocket takes, in bytes of UTF-8. */
const REASON_BYTES = 123

/** A text as a close reason: safe to log, and cut to 123 bytes on a character's boundary. */
export function reasonOf(text: string): string {
  // Most are short and plain, or empty.
  if (/^[ -~]{0,123}$/.test(text)) return text
  const clean = text.slice(0, REASON_BYTES + 1).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
  const bytes = new Uint8Array(REASON_BYTES)
  const { written } = new TextEncoder().encodeInto(clean, bytes)
  return new TextDecoder().decode(bytes.subarray(0, written))
}

/** A reason that asks a client to stay away for so many ms. */
export function retryAfterReason(ms: number): string {
  return `retry-after=${Math.ceil(ms)}`
}

/** For how many ms a close reason asks a client to stay away, if it does; at most an hour. */
export function retryAfterOf(reason: string): number | undefined {
  const digits = /(?:^|[ ;,])retry-after=(\d{1,9})(?![\w.-])/.exec(reason)?.[1]
  return digits === undefined ? undefined : Math.min(Number(digits), LONGEST_RETRY_MS)
}

const LONGEST_RETRY_MS = 3_600_000

function policyOfRange(code: number): ClosePolicy {
  if (code >= 4500) return 'stop'
  if (code >= 4100 && code < 4200) return 'token'
  return 'reconnect'
}

function meaning(
  code: number,
  name: string,
  policy = policyOfRange(code),
  endsSession = code >= 4500,
): [number, CloseMeaning] {
  return [code, { name, policy, endsSession }]
}
