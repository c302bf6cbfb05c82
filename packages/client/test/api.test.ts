import { isProxy } from 'node:util/types'
import { describe, expect, it } from 'vitest'
import { scene } from './support/client.ts'

describe('an api', () => {
  it('is no promise: it may be awaited, returned from async functions and resolved with', async () => {
    const { api } = scene()
    expect(await api).toBe(api)
    expect(await Promise.resolve(api.group)).toBe(api.group)
    expect(await (async () => api.group.deep)()).toBe(api.group.deep)
  })

  it('is plain and frozen: who prints, compares, copies or enumerates it calls nothing', () => {
    const { api, server } = scene()
    expect(isProxy(api)).toBe(false)
    expect(JSON.stringify(api)).toBe('{"group":{"deep":{}}}')
    expect(`${api}`).toBe('[object Object]')
    expect(Object.keys(api.group.deep)).toEqual(['ask'])
    for (const name of ['then', 'catch', 'finally', 'toJSON', 'constructor', '__proto__']) {
      expect(Object.hasOwn(api, name)).toBe(false)
    }
    expect(Object.isFrozen(api)).toBe(true)
    expect(Object.isFrozen(api.group.deep)).toBe(true)
    expect(server.dials).toHaveLength(0)
  })
})
