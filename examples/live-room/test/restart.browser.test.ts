import { randomBytes } from 'node:crypto'
import { on } from 'node:events'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { answerTo } from '../server/assistant.ts'
import { type RoomServer, startServer } from './support/server.ts'
import { launch, tool, Visitor } from './support/visitor.ts'

tool.describe('a room whose server or network goes away', () => {
  let browser: Browser
  let server: RoomServer
  let ada: Visitor
  let bob: Visitor

  beforeAll(async () => {
    ;[browser, server] = await Promise.all([launch(), startServer()])
    ada = await Visitor.enter(browser, server.url, 'Ada')
    bob = await Visitor.enter(browser, server.url, 'Bob')
  })
  afterEach(async () => {
    await Promise.all([ada.becomes('Online'), bob.becomes('Online')])
    await Promise.all([ada.hasEverything(), bob.hasEverything()])
    for (const visitor of [ada, bob]) visitor.hasNoProblems()
  })
  afterAll(async () => {
    await browser.close()
    await server.end()
  })

  test('goes on after the server was killed under both pages', async () => {
    await ada.say('before')
    await expect.poll(() => bob.lines('Ada')).toEqual(['before'])
    await startAnswerAndUpload(ada)

    await withoutServer(async () => {
      await server.end('SIGKILL')
      await Promise.all([ada.becomes(/^Line lost/), bob.becomes(/^Line lost/)])
      await ada.say('while it was away')
      expect(await ada.page.locator('.pending').count()).toBe(1)
      server = await startServer({ port: server.port })
      await Promise.all([ada.comesBack(), bob.comesBack()])
    })

    await bob.say('after')
    for (const visitor of [ada, bob]) {
      await expect.poll(() => visitor.lines('Ada')).toEqual(['before', 'while it was away'])
      await expect.poll(() => visitor.lines('Bob')).toEqual(['after'])
    }
    expect(await ada.page.locator('.pending').count()).toBe(0)
    await answerAndUploadAreWhole(ada)
  })

  test('goes on after the server was drained and started anew', async () => {
    const badges = [await ada.watchBadge(), await bob.watchBadge()]
    await startAnswerAndUpload(ada)
    await withoutServer(async () => {
      expect(await server.end('SIGTERM', 2)).toBe(0)
      await bob.say('between')
      server = await startServer({ port: server.port })
      await Promise.all([ada.comesBack(), bob.comesBack()])
    })
    await expect.poll(() => ada.lines('Bob')).toEqual(['after', 'between'])
    await answerAndUploadAreWhole(ada)
    for (const badge of badges) expect(await badge()).not.toContain('Closed')
  })

  test('goes on after a while without network', async () => {
    await startAnswerAndUpload(ada)
    await withoutServer(async () => {
      await ada.context.setOffline(true)
      await ada.becomes('No network')
      await ada.say('from the tunnel')
      await bob.say('where are you?')
      await expect.poll(() => bob.lines('Bob')).toContain('where are you?')
      expect(await bob.lines('Ada')).not.toContain('from the tunnel')
      expect(await ada.lines('Bob')).not.toContain('where are you?')
      await ada.context.setOffline(false)
      await ada.becomes('Online')
    })
    await expect.poll(() => bob.lines('Ada')).toEqual(['before', 'while it was away', 'from the tunnel'])
    await expect.poll(() => ada.lines('Bob')).toEqual(['after', 'between', 'where are you?'])
    await answerAndUploadAreWhole(ada)
  })

  test('goes on after both tabs were frozen', async () => {
    await startAnswerAndUpload(ada)
    await frozen(() => beats(40))
    await bob.say('did I sleep?')
    await expect.poll(() => ada.lines('Bob')).toContain('did I sleep?')
    await answerAndUploadAreWhole(ada)
  })

  /** Stops the processes of all pages meanwhile: DevTools' own freezing lets a page that is seen go on. */
  async function frozen(work: () => Promise<void>): Promise<void> {
    const devtools = await browser.newBrowserCDPSession()
    const { processInfo } = await devtools.send('SystemInfo.getProcessInfo')
    const pages = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
    expect(pages.length).toBeGreaterThan(0)
    for (const page of pages) process.kill(page, 'SIGSTOP')
    try {
      await work()
    } finally {
      for (const page of pages) process.kill(page, 'SIGCONT')
    }
  }

  /** Waits for so many beats of the server, of which there are ten a second. */
  async function beats(count: number): Promise<void> {
    const lane = new WebSocket(`${server.url.replace('http', 'ws')}bare`)
    for await (const _ of on(lane, 'message')) if (--count === 0) break
    lane.close()
  }

  function withoutServer(work: () => Promise<void>): Promise<void> {
    return ada.withoutServer(() => bob.withoutServer(work))
  }
})

const QUESTION = 'How do uploads work?'

async function startAnswerAndUpload({ page }: Visitor): Promise<void> {
  await page.fill('#question', QUESTION)
  await page.press('#question', 'Enter')
  await page.setInputFiles('#file', {
    name: 'noise.bin',
    mimeType: 'application/octet-stream',
    buffer: randomBytes(3_000_000),
  })
  await expect
    .poll(() => page.locator('#progress').evaluate(bar => (bar as HTMLProgressElement).value))
    .toBeGreaterThan(0.1)
}

async function answerAndUploadAreWhole(visitor: Visitor): Promise<void> {
  await expect.poll(() => visitor.text('#digest'), { timeout: 20_000 }).toContain('The same SHA-256 here and there')
  await expect.poll(() => visitor.text('#answer-count'), { timeout: 20_000 }).toMatch(/^(\d+) of \1 words$/)
  expect(await visitor.text('#answer .words')).toBe(answerTo(QUESTION))
}
