import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type Balancer, balance } from '../run/balancer.ts'

let balancer: Balancer | undefined
const servers: Server[] = []

/** Says its name, then whatever it hears. */
async function echo(name: string): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => undefined).write(name)
    socket.pipe(socket)
  })
  servers.push(server.listen(0))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function ask(port: number, question = ''): Promise<string> {
  const socket = connect(port, 'localhost')
  socket.on('error', () => undefined).end(question)
  let answer = ''
  socket.on('data', text => {
    answer += text
  })
  await once(socket, 'close')
  return answer
}

afterEach(async () => {
  await balancer?.close()
  for (const server of servers.splice(0)) server.close()
})

test('each connection goes to the next server, and both ways', async () => {
  const ports = [await echo('a'), await echo('b')]
  balancer = await balance(0, () => ports)
  const answers = []
  for (let i = 0; i < 4; i++) answers.push(await ask(balancer.port, '!'))
  expect(answers.sort()).toEqual(['a!', 'a!', 'b!', 'b!'])
})

test('a server that does not answer is passed over, and without any, clients are turned away', async () => {
  const [dead, alive] = [await echo('dead'), await echo('alive')]
  const [gone] = servers.splice(0, 1)
  gone?.close()
  let ports: readonly number[] = [dead, alive]
  balancer = await balance(0, () => ports)
  expect([await ask(balancer.port), await ask(balancer.port)]).toEqual(['alive', 'alive'])
  ports = [dead]
  expect(await ask(balancer.port)).toBe('')
  ports = []
  expect(await ask(balancer.port)).toBe('')
})

test('who is there when it closes is cut off', async () => {
  const port = await echo('a')
  balancer = await balance(0, () => [port])
  const socket = connect(balancer.port, 'localhost').on('error', () => undefined)
  await once(socket, 'data')
  const closed = once(socket, 'close')
  await balancer.close()
  balancer = undefined
  await closed
})
