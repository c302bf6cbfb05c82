import { isDeepStrictEqual } from 'node:util'
import type { Client } from '../load/client.ts'
import { type Running, within } from '../running.ts'
import { BLOB, MESSAGE, POST, post } from '../work.ts'
import { answered } from './connect.ts'
import { deliver } from './fan-out.ts'

const ITEMS = 5

/** Makes sure that a server does the work that it is measured by: one of each, and what came back is looked at. */
export async function prove(server: Running): Promise<void> {
  const client = await server.connect()
  same('a call', await ask(client, () => client.call()), post(POST))

  const { down } = client.bytes
  await ask(client, () => client.echo())
  if (client.bytes.down - down < BLOB.length) throw new Error('an echo is shorter than what was called')

  let items = 0
  client.onItems = (count, newest) => {
    items += count
    same('an item', newest, MESSAGE)
  }
  await ask(client, () => client.stream(ITEMS))
  same('the items of a stream', items, ITEMS)

  await ask(client, () => client.subscribe())
  await deliver(server, [client], { times: 2, rounds: 2, check: newest => same('a message', newest, MESSAGE) })
  server.disconnect()
}

function ask(client: Client, begin: () => void): Promise<unknown> {
  return within(answered(client, begin), 'an answer')
}

function same(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return
  throw new Error(`${what} is ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
}
