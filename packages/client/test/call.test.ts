import { describe, expect, it } from 'vitest'
import { NOTHING, scene, watch } from './support/client.ts'

describe('a call', () => {
  it('opens the connection, is sent after the welcome, and resolves with the answer', async () => {
    const { api, server, clock, states, leftOver } = scene()
    server.handle = ({ exchange, frame }) => exchange.end(`${frame[3]}!`)
    expect(server.dials).toHaveLength(0)
    const answer = watch(api.say('hi'))
    await clock.settle()
    expect(answer).toEqual({ value: 'hi!', settled: 1 })
    expect(states.map(({ status }) => status)).toEqual(['connecting', 'online'])
    expect(server.last.hello).toMatchObject({ contract: expect.stringMatching(/^[0-9a-f]{16}$/) })
    expect(await leftOver()).toEqual(NOTHING)
  })
})
