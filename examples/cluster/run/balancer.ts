import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { listen } from '../../live-room/server/listen.ts'

/** What stands in front of all servers. */
export interface Balancer {
  readonly port: number
  /** Nobody new is taken, and who is there is cut off. */
  readonly close: () => Promise<void>
}

/**
 * A TCP balancer that remembers nobody: each connection goes to the next server, whoever dials. A server that does not
 * answer is passed over; where none does, the client is turned away, and comes back by itself.
 *
 * @param port - where to listen, or on the next one that is free.
 * @param targets - the ports of the servers that clients may be sent to now.
 */
export async function balance(port: number, targets: () => readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>()
  let turn = 0

  const tcp = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, client => {
    open.add(client)
    client.on('error', ignore).once('close', () => open.delete(client))
    const ports = targets()
    turn += 1
    void carry(client, [...ports.slice(turn % ports.length), ...ports.slice(0, turn % ports.length)])
  })
  const close = async () => {
    tcp.close()
    for (const client of open) client.destroy()
    await once(tcp, 'close')
  }
  const taken = await listen(tcp, port)
  return { port: taken, close }
}

async function carry(client: Socket, [port, ...others]: readonly number[]): Promise<void> {
  if (port === undefined || client.destroyed) return void client.destroy()
  const server = connect({ port, allowHalfOpen: true, noDelay: true })
  server.on('error', ignore)
  try {
    await once(server, 'connect')
  } catch {
    return carry(client, others)
  }
  pipeline(client, server, ignore)
  pipeline(server, client, ignore)
}

function ignore(): void {}
