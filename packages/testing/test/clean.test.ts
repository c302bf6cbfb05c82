import { connect } from '@tautline/client'
import { contract, procedure } from '@tautline/core'
import { anyone, serve } from '@tautline/server'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { expectClean, net } from '../src/index.ts'

const shop = contract({ order: procedure({ input: z.object({ item: z.string() }), output: z.number() }) })

async function open() {
  const network = net({ seed: 7 })
  let orders = 0
  const order = ({ item: _ }: { readonly item: string }) => ++orders
  const server = await serve(shop, { clock: network.clock, authenticate: anyone }, { order })
  const line = network.line(server)
  const client = connect(shop, line.client)
  const close = async () => {
    client.connection.close()
    await network.until(server.close())
    await network.advance(10_000)
  }
  return { network, server, line, client, orders: () => orders, close }
}

describe('a tunnel that eats the reply', () => {
  it('costs the user a moment, and the shop no second order', async () => {
    const { network, line, client, server, orders, close } = await open()
    await network.until(client.api.order({ item: 'tea' }))
    line.cutAfter('down', 0)
    expect(await network.until(client.api.order({ item: 'cake' }))).toBe(2)
    expect(orders()).toBe(2)
    expect(line.dials).toBe(2)
    await close()
    expectClean(server, client, network)
  })
})

describe('expectClean', () => {
  it('names what is left', async () => {
    const { network, client, server, close } = await open()
    await network.until(client.api.order({ item: 'tea' }))
    expect(() => expectClean(server, client, network)).toThrow(
      /^left over: 1 sessions with a socket, \d+ bytes unsent or unacknowledged, 1 clients that are not closed, \d timers, 1 connections$/,
    )
    await close()
    expectClean(server, [client], network)
  })

  it('sees a client that was not closed', async () => {
    const { network, client, server, close } = await open()
    await network.until(client.api.order({ item: 'tea' }))
    await network.until(server.close())
    expect(() => expectClean(server, client)).toThrow('1 clients that are not closed')
    await close()
  })

  it('sees a session whose client is away', async () => {
    const { network, line, client, server, close } = await open()
    await network.until(client.api.order({ item: 'tea' }))
    line.cut()
    await network.settle()
    expect(() => expectClean(server, client)).toThrow('1 sessions whose client may come back')
    await close()
  })
})
