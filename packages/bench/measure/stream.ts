import type { Client } from '../load/client.ts'
import { type Running, within } from '../running.ts'
import { type Cost, type Span, window } from './calls.ts'

const STREAMS = 8
const ITEMS = 1_000

/**
 * Connects clients that read one stream after another whenever it is measured what an item costs. Each stream must have
 * all of its items when it ends.
 */
export async function streaming(server: Running): Promise<(span: Span) => Promise<Cost>> {
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
  return async span => {
    isOver = false
    const readers = Promise.all(clients.map(readOn))
    const cost = await window(server, span, () => items)
    isOver = true
    await within(readers, 'every stream ends')
    return cost
  }
}
