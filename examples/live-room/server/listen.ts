import { once } from 'node:events'
import { type AddressInfo, connect, isIPv4, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'

const MOST_TRIES = 50

/** Listens on `port`, or on the next one that is free. Answers which. */
export async function listen(server: Server, port: number): Promise<number> {
  for (let tries = 1; ; tries++) {
    const taken = await tryToListen(server, port)
    if (!taken) return (server.address() as AddressInfo).port
    if (tries === MOST_TRIES) throw taken
    port += 1
  }
}

/** Some systems let one process have a port on all addresses and another the same port on localhost: so ask first. */
async function tryToListen(server: Server, port: number): Promise<Error | undefined> {
  if (port !== 0 && (await answers(port))) return new Error(`port ${port} is taken`)
  try {
    server.listen(port)
    await once(server, 'listening')
    return undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return error as Error
    throw error
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, 'localhost')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Where a phone on the same network reaches this machine; `undefined` when it is on none. */
export function networkAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flat()
  return addresses.find(address => address && !address.internal && isIPv4(address.address))?.address
}
