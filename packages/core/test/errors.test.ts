import { describe, expect, it } from 'vitest'
import { type CanonicalCode, CODES, fromWire, isCanonicalCode, TautlineError, toWire } from '../src/errors.ts'

describe('TautlineError', () => {
  it('carries code, message, data and cause', () => {
    const cause = new Error('disk full')
    const error = new TautlineError('ROOM_CLOSED', 'closed', { data: { until: 1 }, cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'TautlineError', code: 'ROOM_CLOSED', message: 'closed', data: { until: 1 } })
    expect(error.cause).toBe(cause)
  })

  it('says something of its code when it is given no message', () => {
    expect(new TautlineError('NOT_FOUND').message).toBe('not found')
    expect(new TautlineError('MUTED').message).toBe('MUTED')
  })

  it('has no member that it was not given', () => {
    expect(Object.keys(new TautlineError('ABORTED')).sort()).toEqual(['code', 'data', 'name'])
    expect('cause' in new TautlineError('ABORTED')).toBe(false)
  })

  it('comes back from the funnel as it is', () => {
    const error = new TautlineError('ABORTED')
    expect(TautlineError.from(error)).toBe(error)
  })

  it.each([[new Error('password=hunter2')], [null], [undefined], ['text'], [{ code: 'NOT_FOUND' }]])(
    'keeps whatever else was thrown as the cause of an INTERNAL that says nothing of it: %s',
    thrown => {
      const error = TautlineError.from(thrown)
      expect(error).toMatchObject({ code: 'INTERNAL', message: 'internal', data: undefined })
      expect(error.cause).toBe(thrown)
    },
  )
})

describe('canonical codes', () => {
  it('are those of the documentation and no others', () => {
    expect(Object.keys(CODES)).toEqual([
      'INVALID_ARGUMENT',
      'UNAUTHENTICATED',
      'PERMISSION_DENIED',
      'NOT_FOUND',
      'ALREADY_EXISTS',
      'RESOURCE_EXHAUSTED',
      'FAILED_PRECONDITION',
      'ABORTED',
      'CANCELLED',
      'DEADLINE_EXCEEDED',
      'UNIMPLEMENTED',
      'UNAVAILABLE',
      'DATA_LOSS',
      'INTERNAL',
      'UNKNOWN',
    ] satisfies CanonicalCode[])
  })

  it('are not found on the prototype', () => {
    for (const name of Object.getOwnPropertyNames(Object.prototype)) expect(isCanonicalCode(name)).toBe(false)
  })
})

describe('an error on the wire', () => {
  it('comes back as it left, without cause and stack', () => {
    const error = new TautlineError('UNAVAILABLE', 'gone', { incident: 'i1', mayHaveRun: true, cause: new Error('x') })
    expect(toWire(error)).toEqual({ code: 'UNAVAILABLE', message: 'gone', incident: 'i1', mayHaveRun: true })
    const back = fromWire(toWire(error))
    expect(back).toMatchObject({ code: 'UNAVAILABLE', message: 'gone', incident: 'i1', mayHaveRun: true })
    expect(back.cause).toBeUndefined()
  })

  it('carries issues as data', () => {
    const issues = [{ path: ['items', 3], message: 'too small' }]
    const wire = toWire(new TautlineError('INVALID_ARGUMENT', 'bad', { issues }))
    expect(wire.data).toEqual({ issues })
    expect(fromWire(wire)).toMatchObject({ issues, data: undefined })
  })

  it('says when to try again, and takes no other delay than a timer can wait for', () => {
    const error = new TautlineError('RESOURCE_EXHAUSTED', 'slow down', { retryAfterMs: 1_500 })
    expect(toWire(error)).toEqual({ code: 'RESOURCE_EXHAUSTED', message: 'slow down', data: { retryAfterMs: 1_500 } })
    expect(fromWire(toWire(error))).toMatchObject({ retryAfterMs: 1_500, data: undefined })
    for (const retryAfterMs of [-1, Number.NaN, 2 ** 31, '1', null]) {
      const map = { code: 'RESOURCE_EXHAUSTED', message: '', data: { retryAfterMs } }
      expect(fromWire(map).retryAfterMs).toBeUndefined()
    }
    const other = fromWire({ code: 'FULL', message: '', data: { retryAfterMs: 1 } })
    expect(other).toMatchObject({ data: { retryAfterMs: 1 } })
    expect(other.retryAfterMs).toBeUndefined()
  })

  it('carries the data of a declared error', () => {
    expect(fromWire(toWire(new TautlineError('ROOM_CLOSED', '', { data: { until: 7 } }))).data).toEqual({ until: 7 })
  })

  it('says UNKNOWN for whatever is no error', () => {
    for (const map of [
      null,
      undefined,
      5,
      'x',
      [],
      {},
      { code: 5 },
      { code: '' },
      { code: 'a\nb' },
      { code: 'A'.repeat(65) },
    ]) {
      expect(fromWire(map)).toMatchObject({ code: 'UNKNOWN', data: undefined })
    }
  })

  it('takes no field that has another type', () => {
    const error = fromWire({ code: 'INTERNAL', message: {}, incident: 5, mayHaveRun: 'yes', data: null })
    expect(error).toMatchObject({ message: 'internal', data: undefined })
    expect(Object.keys(error).sort()).toEqual(['code', 'data', 'name'])
  })

  it('is bounded, whatever the other side says', () => {
    const long = 'x'.repeat(100_000)
    const issues = Array.from({ length: 1_000 }, () => ({ path: Array(100).fill(long), message: long }))
    const error = fromWire({ code: 'INVALID_ARGUMENT', message: long, incident: long, data: { issues } })
    expect(error.message).toHaveLength(2_048)
    expect(error.incident).toHaveLength(64)
    expect(error.issues).toHaveLength(11)
    expect(error.issues?.every(({ path, message }) => path.length <= 8 && message.length <= 2_048)).toBe(true)
  })

  it('drops what is no part of an issue', () => {
    const issues = [null, 5, { path: 'x', message: 5 }, { path: [{}, 'a', 1n, 2], message: 'm' }]
    expect(fromWire({ code: 'INVALID_ARGUMENT', message: '', data: { issues } }).issues).toEqual([
      { path: [], message: '' },
      { path: [], message: '' },
      { path: [], message: '' },
      { path: ['a', 2], message: 'm' },
    ])
  })

  it('never leaves half a surrogate pair, which nobody could encode', () => {
    const message = `${'x'.repeat(2_046)}😀😀`
    expect(toWire(new TautlineError('ABORTED', message)).message).not.toMatch(/\p{Surrogate}/u)
    expect(toWire(new TautlineError('ABORTED', 'a\ud800')).message).toBe('a\ufffd')
  })
})
