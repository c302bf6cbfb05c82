import type { Client } from '../load/client.ts'
import { type Running, within } from '../running.ts'

const AT_ONCE = 16

/** CPU of the server, in µs, for a connection, its first call and its goodbye. */
export async function connecting(server: Running, count: number): Promise<number> {
  let left = count
  const before = await server.usage()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await come(server)
    }),
  )
  const after = await server.usage()
  return (after.cpu - before.cpu) / count
}

/** Comes, calls once, and leaves. */
async function come(server: Running): Promise<void> {
  const client = await server.connect()
  await answered(client, () => client.call())
  const gone = new Promise<void>(resolve => {
    const { onClose } = client
    client.onClose = () => {
      onClose()
      resolve()
    }
  })
  client.leave()
  await within(gone, 'a goodbye is answered')
}

/** Resolves with the next answer. */
export function answered(client: Client, ask: () => void): Promise<unknown> {
  return new Promise(resolve => {
    client.onAnswer = resolve
    ask()
  })
}
