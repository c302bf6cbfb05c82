import type { Client } from '../load/client.ts'
import type { Running } from '../running.ts'

const AT_ONCE = 16

/** CPU of the server, in µs, for a connection, its first call and its goodbye. */
export async function connecting(server: Running, count: number): Promise<number> {
  const some = async (total: number): Promise<void> => {
    let left = total
    const one = async (): Promise<void> => {
      while (left-- > 0) {
        const client = await server.connect()
        await answered(client, () => client.call())
        client.leave()
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, one))
  }
  await some(Math.ceil(count / 4))
  const before = await server.usage()
  await some(count)
  const after = await server.usage()
  return (after.cpu - before.cpu) / count
}

/** Resolves with the next answer. */
export function answered(client: Client, ask: () => void): Promise<void> {
  return new Promise(resolve => {
    client.onAnswer = resolve
    ask()
  })
}
