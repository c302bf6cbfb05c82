import type { Client } from '../load/client.ts'
import { type Running, within } from '../running.ts'

const AT_ONCE = 16

/** CPU of the server, in µs, for a connection, its first call and its goodbye, after so many to warm up. */
export async function connecting(server: Running, warm: number, count: number): Promise<number> {
  const some = async (most: number): Promise<void> => {
    let left = most
    const one = async (): Promise<void> => {
      while (left-- > 0) {
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
    }
    await Promise.all(Array.from({ length: AT_ONCE }, one))
  }
  await some(warm)
  const before = await server.usage()
  await some(count)
  const after = await server.usage()
  return (after.cpu - before.cpu) / count
}

/** Resolves with the next answer. */
export function answered(client: Client, ask: () => void): Promise<unknown> {
  return new Promise(resolve => {
    client.onAnswer = resolve
    ask()
  })
}
