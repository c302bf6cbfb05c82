import { safe } from '@tautline/client'
import { TautlineError } from '@tautline/core'
import { expect, it } from 'vitest'

it('gives a value', async () => {
  expect(await safe(Promise.resolve(1))).toEqual({ ok: true, value: 1 })
})

it('gives an error as it is', async () => {
  const error = new TautlineError('NOT_FOUND')
  expect(await safe(Promise.reject(error))).toEqual({ ok: false, error })
})

it('makes an INTERNAL of what is no TautlineError, and keeps it', async () => {
  const cause = new Error('mine')
  const { ok, error } = await safe(Promise.reject(cause))
  expect(ok).toBe(false)
  expect(error).toMatchObject({ code: 'INTERNAL', cause })
})
