import type { Client } from '../load/client.ts'
import { type Running, within } from '../running.ts'
import { type Cost, type Span, window } from './calls.ts'

const STREAMS = 8
const ITEMS = 1_000

/**
 * What an item costs, with some connections that read one stream after another. Each stream must have all of its items
 * when it ends.
 */
export async function streaming(server: Running, span: Span): Promise<Cost> {
  const clients = await server.connectAll(STREAMS)
  let items = 0
  let isOver = false
  const readOn = (client: Client): Promise<void> =>
    new Promise(resolve => {
      let left = ITEMS
      client.onItems = count => {
        items += count
        left -= count
      }
      client.onAnswer = () => {
        if (left !== 0) return client.onFailure(new Error(`a stream ended with ${left} of ${ITEMS} items to come`))
        if (isOver) return resolve()
        left = ITEMS
        client.stream(ITEMS)
      }
      client.stream(ITEMS)
    })
  const readers = Promise.all(clients.map(readOn))
  const cost = await window(server, span, () => items)
  isOver = true
  await within(readers, 'every stream ends')
  server.disconnect()
  return cost
}
