import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core'
import type { Reading } from '../pages/reading.ts'
import { Running, within } from '../running.ts'
import type { Flood } from '../servers/host.ts'
import { FLOOR, FLOOR_BATCHED, type Subject, TAUTLINE } from '../subjects.ts'
import type { Attempt } from './all.ts'
import { pause } from './calls.ts'
import { at } from './latency.ts'

/** A page that reads a topic. */
export interface Reader {
  readonly name: string
  readonly subject: Subject
  /** Its script in `pages`, and what it is asked for. */
  readonly page: string
  readonly search: string
}

/** What a page did while messages came. */
export interface PageCost {
  /** The page's main thread for each message, in µs, beyond what it takes when none come. */
  readonly cpu: number
  /** How much of the main thread was busy. */
  readonly busy: number
  /** Share of the frames that came late, and the longest time between two, in ms. */
  readonly late: number
  readonly longest: number
  /** Tasks of more than 50 ms. */
  readonly longTasks: number
}

/** Messages that each page is sent in a second. */
export const RATE = 10_000

/** By which name pages stand in the table where nothing comes at all. */
export const IDLE: Reader = { name: 'nothing comes', subject: FLOOR, page: 'floor', search: '' }

export const READERS: readonly Reader[] = [
  { name: 'bare WebSocket, MessagePack', subject: FLOOR, page: 'floor', search: '' },
  { name: 'the same, one message per tick', subject: FLOOR_BATCHED, page: 'floor', search: 'batched' },
  { name: 'Tautline, listener', subject: TAUTLINE, page: 'tautline', search: '' },
  { name: 'Tautline, `for await`', subject: TAUTLINE, page: 'tautline', search: 'loop' },
]

/** One and a half frames of 60 a second, in ms: one was missed. */
const LATE_MS = 25

/** Where Chromium is, or nothing. */
export function chromiumPath(): string | undefined {
  const path = process.env['BENCH_CHROMIUM'] ?? '/usr/bin/chromium'
  return existsSync(path) ? path : undefined
}

/** Lets each page read, one right after the other, so many rounds. */
export async function browsing(
  executablePath: string,
  { rounds, ms }: { readonly rounds: number; readonly ms: number },
  attempt: Attempt,
): Promise<ReadonlyMap<Reader, readonly PageCost[]>> {
  // Root may not use Chromium's sandbox.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const browser = await chromium.launch({ executablePath, args })
  const site = await siteOf(READERS)
  const found = new Map<Reader, PageCost[]>([IDLE, ...READERS].map(reader => [reader, []]))
  try {
    for (let round = 1; round <= rounds; round++) {
      let idle = 0
      for (const [reader, costs] of found) {
        // One message a second: almost none.
        const rate = reader === IDLE ? 1 : RATE
        const cost = await attempt(`browser: ${reader.name}`, () =>
          readingOf(reader, { browser, site, rate, ms, idle }),
        )
        if (!cost) continue
        if (reader === IDLE) idle = cost.busy
        costs.push(cost)
      }
    }
  } finally {
    await browser.close()
    site.close()
  }
  return found
}

/** What a page is read in, and for how long. */
interface Setting {
  readonly browser: Browser
  readonly site: Server
  readonly rate: number
  readonly ms: number
  /** How busy the thread is when nothing comes. */
  readonly idle: number
}

async function readingOf(reader: Reader, setting: Setting): Promise<PageCost> {
  const origin = `http://127.0.0.1:${(setting.site.address() as AddressInfo).port}`
  const server = await Running.start(reader.subject, { BENCH_ORIGIN: origin })
  const page = await setting.browser.newPage()
  try {
    const failed = new Promise<never>((_, reject) => page.once('pageerror', reject))
    await page.goto(`${origin}/${reader.page}?port=${server.port}&${reader.search}`)
    return await Promise.race([measure(page, server, setting), failed, server.failure])
  } finally {
    await page.close()
    await server.end()
  }
}

async function measure(page: Page, server: Running, { rate, ms, idle }: Setting): Promise<PageCost> {
  await heard(page, server)
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Performance.enable')
  // Half as long first, for the compiler to have its say.
  await flooded(page, server, { rate: RATE, ms: ms / 2 })
  const before = await mainThread(devtools)
  const { messages, longTasks, frames } = await flooded(page, server, { rate, ms })
  const after = await mainThread(devtools)
  const busy = (after.task - before.task) / (after.now - before.now)
  const times = [...frames].sort((a, b) => a - b)
  return {
    cpu: ((busy - idle) * (after.now - before.now) * 1_000_000) / messages,
    busy,
    late: times.filter(took => took > LATE_MS).length / times.length,
    longest: at(times, 1),
    longTasks,
  }
}

/** Serves each page under its name, and its script beside it. */
async function siteOf(readers: readonly Reader[]): Promise<Server> {
  const scripts = new Map(
    readers.map(({ page }) => [page, readFileSync(new URL(`../pages/${page}.page.js`, import.meta.url))]),
  )
  const site = createServer(({ url = '' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const script = scripts.get(pathname.slice(1).replace(/\.js$/, ''))
    if (!script) response.writeHead(404).end()
    else if (pathname.endsWith('.js')) response.setHeader('content-type', 'text/javascript').end(script)
    else
      response
        .setHeader('content-type', 'text/html')
        .end(`<!doctype html><body></body><script src="${pathname}.js"></script>`)
  })
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  return site
}

/** Publishes until the page hears it. */
async function heard(page: Page, server: Running): Promise<void> {
  for (let i = 0; i < 200; i++) {
    await server.publish(1)
    await pause(50)
    if ((await page.evaluate(() => window.reading())).messages > 0) return
  }
  throw new Error('a page hears nothing')
}

/** What the page found out while messages came, each of them once. */
async function flooded(page: Page, server: Running, flood: Flood): Promise<Reading> {
  await page.evaluate(() => window.begin())
  await server.flood(flood)
  const sent = Math.round((flood.rate * flood.ms) / 1_000)
  await within(
    page.waitForFunction(count => window.reading().messages >= count, sent),
    'everything arrives at a page',
  )
  const reading = await page.evaluate(() => window.reading())
  if (reading.messages === sent) return reading
  throw new Error(`${reading.messages} messages instead of ${sent}`)
}

/** How long the main thread has been busy, and the time, in s. */
async function mainThread(devtools: CDPSession): Promise<{ readonly task: number; readonly now: number }> {
  const { metrics } = await devtools.send('Performance.getMetrics')
  const read = (wanted: string) => metrics.find(({ name }) => name === wanted)?.value ?? Number.NaN
  return { task: read('TaskDuration'), now: read('Timestamp') }
}
