/** A crowd of real clients that follow a topic, in a process of its own: what comes back when a server does. */
import { connect } from '@tautline/client'
import * as core from '@tautline/core'
import { WebSocket } from 'ws'
import { chatOf } from '../servers/chat.ts'

/** What a crowd is told. */
export type Order =
  | { readonly do: 'follow'; readonly url: string; readonly count: number }
  /** From here on, who is back is counted: who has heard of a gap, or so many messages. */
  | { readonly do: 'expect'; readonly messages: number }
  | { readonly do: 'cut' }

/** What it answers. */
export type Answer =
  | { readonly did: 'begin' | 'follow' | 'expect' | 'cut' }
  /** When each was back, in ms since 1970, how many heard of a gap, and CPU of this process since `expect`, in µs. */
  | { readonly did: 'return'; readonly times: readonly number[]; readonly gaps: number; readonly cpu: number }

/** Subscribe at the same time: more than that are strangers at the door. */
const AT_ONCE = 50

const chat = chatOf(core)
const sockets = new Set<WebSocket>()
let expected = Number.POSITIVE_INFINITY
let times: number[] = []
let gaps = 0
let count = 0
let before = process.cpuUsage()

/** The class of `ws`, as the client itself would have it, of which one knows the sockets. */
class Known extends WebSocket {
  constructor(url: string, protocol: string) {
    super(url, protocol, { perMessageDeflate: false })
    sockets.add(this)
    this.on('close', () => sockets.delete(this))
  }
}

/** Somebody who waits for the rest of what was expected. */
class Follower {
  #heard = 0
  /** Resolves when it has subscribed. */
  readonly ready: Promise<void>

  constructor(url: string) {
    const { api } = connect(chat, { url, WebSocket: Known as never })
    const { ready } = api.rooms.feed({ room: 'lobby' }).subscribe(
      () => {
        this.#heard += 1
        if (this.#heard === expected) isBack()
      },
      {
        onGap: () => {
          gaps += 1
          isBack()
        },
      },
    )
    this.ready = ready
  }

  forget(): void {
    this.#heard = 0
  }
}

const followers: Follower[] = []

function isBack(): void {
  times.push(performance.timeOrigin + performance.now())
  if (times.length !== count) return
  const { user, system } = process.cpuUsage(before)
  tell({ did: 'return', times, gaps, cpu: user + system })
}

async function follow(url: string, many: number): Promise<void> {
  count = many
  while (followers.length < many) {
    const some = Array.from({ length: Math.min(AT_ONCE, many - followers.length) }, () => new Follower(url))
    followers.push(...some)
    await Promise.all(some.map(({ ready }) => ready))
  }
}

function expect(messages: number): void {
  for (const follower of followers) follower.forget()
  expected = messages
  times = []
  gaps = 0
  before = process.cpuUsage()
}

function tell(answer: Answer): void {
  process.send?.(answer)
}

process.on('disconnect', () => process.exit())
process.on('message', async (order: Order) => {
  if (order.do === 'follow') await follow(order.url, order.count)
  else if (order.do === 'expect') expect(order.messages)
  else for (const socket of sockets) socket.terminate()
  tell({ did: order.do })
})
tell({ did: 'begin' })
