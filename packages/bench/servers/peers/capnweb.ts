/** Cap'n Web over `ws`. It has no schemas: nothing is checked. */
import { newWebSocketRpcSession, type RpcStub, RpcTarget } from 'capnweb'
import { WebSocket, WebSocketServer } from 'ws'
import { items, type Message, type Post, post } from '../../work.ts'
import { host, PORT } from '../host.ts'

// It asks for the constants of the global one, which Node 20 does not have.
Object.assign(globalThis, { WebSocket })

type Listener = (message: Message) => void

const listeners = new Set<RpcStub<Listener>>()

class Rooms extends RpcTarget {
  post(input: Post): Message {
    return post(input)
  }

  echo(bytes: Uint8Array): Uint8Array {
    return bytes
  }

  export(count: number): ReadableStream<Message> {
    const source = items(count)
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await source.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
    })
  }

  feed(listener: RpcStub<Listener>): void {
    const kept = listener.dup() as RpcStub<Listener>
    listeners.add(kept)
    kept.onRpcBroken(() => listeners.delete(kept))
  }
}

const server = new WebSocketServer({ port: PORT, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', ws => {
  void newWebSocketRpcSession(ws as never, new Rooms())
})

server.on('listening', () => {
  host({
    port: (server.address() as { port: number }).port,
    publish(times, _room, message) {
      for (let i = 0; i < times; i++) {
        // Nobody waits for what a listener returns, so it is not asked for.
        for (const listener of listeners) (listener(message) as unknown as Disposable)[Symbol.dispose]()
      }
    },
  })
})
