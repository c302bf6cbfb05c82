import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CloseCode, meaningOf, policyOf, reasonOf, retryAfterOf, retryAfterReason } from '../../src/wire/close.ts'

describe('what a client does after a close', () => {
  it.each([
    ['stop', [1000, 1008, 4500, 4501, 4503, 4526, 4590]],
    ['reconnect', [1001, 1005, 1006, 1009, 1011, 1012, 1013, 4001, 4002, 4003, 4004, 4006, 4008, 4029]],
    ['token', [4100]],
  ] as const)('%s after %j', (policy, codes) => {
    for (const code of codes) expect(policyOf(code), String(code)).toBe(policy)
  })

  it.each([
    [4000, 'reconnect'],
    [4005, 'reconnect'],
    [4099, 'reconnect'],
    [4101, 'token'],
    [4199, 'token'],
    [4200, 'reconnect'],
    [4499, 'reconnect'],
    [4502, 'stop'],
    [4999, 'stop'],
    [1002, 'reconnect'],
    [1014, 'reconnect'],
    [3000, 'reconnect'],
    [0, 'reconnect'],
  ] as const)('code %d, which nobody knows, follows its range: %s', (code, policy) => {
    expect(policyOf(code)).toBe(policy)
  })

  it('every code that has a name has a meaning, and the session is over after those that say so', () => {
    for (const code of Object.values(CloseCode)) expect(meaningOf(code).name).not.toBe(`code ${code}`)
    const ends = Object.values(CloseCode).filter(code => meaningOf(code).endsSession)
    expect(ends).toEqual([1000, 1008, 1009, 4500, 4501, 4503, 4526, 4590])
    expect(meaningOf(4777)).toEqual({ name: 'code 4777', policy: 'stop', endsSession: true })
  })
})

describe('a reason', () => {
  const bytes = (text: string): number => Buffer.byteLength(text)

  it('is cut to 123 bytes on a character’s boundary', () => {
    expect(reasonOf('x'.repeat(122))).toHaveLength(122)
    expect(reasonOf('x'.repeat(123))).toHaveLength(123)
    expect(reasonOf('x'.repeat(124))).toBe('x'.repeat(123))
    expect(reasonOf('é'.repeat(62))).toBe('é'.repeat(61))
    expect(reasonOf('漢'.repeat(42))).toBe('漢'.repeat(41))
    expect(reasonOf(`x${'🙂'.repeat(31)}`)).toBe(`x${'🙂'.repeat(30)}`)
  })

  it('is what a WebSocket takes and a log can hold, whatever it was made from', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)), maxLength: 300 }),
        text => {
          const reason = reasonOf(text)
          expect(bytes(reason)).toBeLessThanOrEqual(123)
          expect(reason).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
          expect(Buffer.from(reason).toString()).toBe(reason)
        },
      ),
      { seed: 4, numRuns: 500 },
    )
  })

  it('loses line breaks, escapes and what turns text around', () => {
    expect(reasonOf('a\r\nb\u001b[2Jc\u202ed\u2028e')).toBe('a  b [2Jc d e')
  })
})

describe('retry-after', () => {
  it.each([0, 1, 1_500, 3_600_000])('of %d ms is read as it was written', ms => {
    expect(retryAfterOf(retryAfterReason(ms))).toBe(ms)
  })

  it('is found among other words, rounded up, and at most an hour', () => {
    expect(retryAfterOf('overloaded; retry-after=250')).toBe(250)
    expect(retryAfterOf('retry-after=250 overloaded')).toBe(250)
    expect(retryAfterReason(1.2)).toBe('retry-after=2')
    expect(retryAfterOf('retry-after=999999999')).toBe(3_600_000)
  })

  it.each([
    '',
    'retry-after=',
    'retry-after=-5',
    'retry-after=1e3',
    'retry-after=1.5',
    'retry-after=x',
    'no-retry-after=5',
    'retry-after=99999999999',
  ])('is not in %j', reason => {
    expect(retryAfterOf(reason)).toBeUndefined()
  })
})
