import { MESSAGE, type Message } from '../work.ts'

/** What the bench asks a server for, over IPC. */
export type Ask =
  | { readonly id: number; readonly do: 'usage' | 'settle' | 'fill' | 'churn' }
  | { readonly id: number; readonly do: 'publish'; readonly times: number; readonly to?: To | undefined }
  | { readonly id: number; readonly do: 'flood'; readonly flood: Flood }

/** Where a publication goes, and how large it is. */
export interface To {
  readonly room?: string
  /** Characters of its text, instead of a few. */
  readonly size?: number
}

/** So many publications a second for so long, a few of them every few ms. */
export interface Flood {
  readonly rate: number
  readonly ms: number
}

/** CPU in µs since the process began, memory in bytes. */
export interface Usage {
  readonly cpu: number
  readonly rss: number
  /** When what was asked for was begun, in ns of the machine's clock that never jumps. */
  readonly began: string
}

/** What a server has to offer. */
export interface Hosted {
  readonly port: number
  /** Publishes so many messages to all subscribers, in one tick. */
  publish(times: number, room: string, message: Message): unknown
}

/** Where to listen: any free port, or the one that a server before had. */
export const PORT = Number(process.env['BENCH_PORT'] ?? 0)

const ROOM = 'lobby'

/** What an application has in memory beside its connections: some 20 MB. */
const OBJECTS = 200_000

const application: object[] = []

/** In bytes. */
const LARGE = 16_777_216

const CHURNS = 5

/** Between two bursts of a flood. */
const BURST_MS = 4

/** Tells the bench where this server listens, and answers it. The process ends with the bench. */
export function host({ port, publish }: Hosted): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async (ask: Ask) => {
    const began = String(process.hrtime.bigint())
    if (ask.do === 'publish') await publish(ask.times, ask.to?.room ?? ROOM, messageOf(ask.to?.size))
    else if (ask.do === 'flood') await flood(publish, ask.flood)
    // Only where memory is the question: elsewhere it would be counted among the costs.
    else if (ask.do === 'settle') globalThis.gc?.()
    else if (ask.do === 'fill') fill()
    else if (ask.do === 'churn') churn()
    const { user, system } = process.cpuUsage()
    process.send?.({ id: ask.id, usage: { cpu: user + system, rss: process.memoryUsage.rss(), began } })
  })
  process.send?.({ port })
}

/** Also something large comes and goes: the C library keeps as much for whoever is next as it has seen at once. */
function fill(): void {
  for (let i = 0; i < OBJECTS; i++) application.push({ id: i, among: [i] })
  new Uint8Array(LARGE).fill(1)
}

/** Objects come and go until V8 has all the room for new ones that it ever takes, which is no connection's. */
function churn(): void {
  for (let i = 0; i < CHURNS; i++) {
    fill()
    application.length = 0
  }
}

async function flood(publish: Hosted['publish'], { rate, ms }: Flood): Promise<void> {
  const total = Math.round((rate * ms) / 1_000)
  const begun = performance.now()
  for (let sent = 0; sent < total; ) {
    await new Promise(resolve => setTimeout(resolve, BURST_MS))
    const due = Math.min(total, Math.floor(((performance.now() - begun) * rate) / 1_000))
    await publish(due - sent, ROOM, MESSAGE)
    sent = due
  }
}

function messageOf(size: number | undefined): Message {
  return size === undefined ? MESSAGE : { ...MESSAGE, text: 'x'.repeat(size) }
}
