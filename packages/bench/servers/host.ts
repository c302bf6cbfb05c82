import { MESSAGE, type Message } from '../work.ts'

/** What the bench asks a server for, over IPC. */
export type Ask =
  | { readonly id: number; readonly do: 'usage' | 'settle' }
  | { readonly id: number; readonly do: 'publish'; readonly times: number; readonly to?: To | undefined }

/** Where a publication goes, and how large it is. */
export interface To {
  readonly room?: string
  /** Characters of its text, instead of a few. */
  readonly size?: number
}

/** CPU in µs since the process began, memory in bytes. */
export interface Usage {
  readonly cpu: number
  readonly rss: number
}

/** What a server has to offer. */
export interface Hosted {
  readonly port: number
  /** Publishes so many messages to all subscribers, in one tick. */
  publish(times: number, room: string, message: Message): unknown
}

/** Where to listen: any free port, or the one that a server before had. */
export const PORT = Number(process.env['BENCH_PORT'] ?? 0)

/** Tells the bench where this server listens, and answers it. The process ends with the bench. */
export function host({ port, publish }: Hosted): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async (ask: Ask) => {
    if (ask.do === 'publish') await publish(ask.times, ask.to?.room ?? 'lobby', messageOf(ask.to?.size))
    // Only where memory is the question: elsewhere it would be counted among the costs.
    else if (ask.do === 'settle') globalThis.gc?.()
    const { user, system } = process.cpuUsage()
    process.send?.({ id: ask.id, usage: { cpu: user + system, rss: process.memoryUsage.rss() } })
  })
  process.send?.({ port })
}

function messageOf(size: number | undefined): Message {
  return size === undefined ? MESSAGE : { ...MESSAGE, text: 'x'.repeat(size) }
}
