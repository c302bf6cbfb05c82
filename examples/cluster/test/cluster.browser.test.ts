import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../../../test/support/pages.ts'
import { Program } from '../../../test/support/program.ts'
import { requireTool } from '../../../test/support/requires.ts'

const results = join(root, 'test-results', 'cluster')
const program = join('examples', 'cluster', 'main.ts')
const [redis, browserTool] = [requireTool('redis'), requireTool('chromium')]
const describeWithBoth = redis.path === '' ? redis.describe : browserTool.describe

/** What a browser says by itself when it dials a server that has just died, and nothing else. */
const UNREACHABLE = /^WebSocket connection to 'ws:\S+' failed: /

/** What may take long on a machine that has other things to do. */
const SLOWLY = { timeout: 30_000, interval: 50 }

describeWithBoth('two servers and one Redis, as an example', () => {
  let running: Program
  let url: string
  let browser: Browser
  const problems: string[] = []

  beforeAll(async () => {
    mkdirSync(results, { recursive: true })
    running = new Program([program], { PORT: '0' })
    // Root may not use Chromium's sandbox.
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    browser = await chromium.launch({ executablePath: browserTool.path, args })
    url = await running.prints(/http:\S+/)
  })
  afterAll(async () => {
    await browser.close()
    expect(await running.stop()).toBe(0)
  })

  test('a server is killed and another one restarted while two people talk: nothing is lost', async () => {
    const [ada, bob] = [await open(), await open({ colorScheme: 'dark' })]
    await says(ada, 'is anybody at the other one?')
    await expect.poll(() => notes(bob), SLOWLY).toContain('is anybody at the other one?')

    const [first, pid] = await placeOf(ada)
    await ada.screenshot({ path: join(results, 'desktop-light.png') })
    await ada.click(`#kill-${first}`)
    await expect.poll(async () => (await placeOf(ada))[1], SLOWLY).not.toBe(pid)
    const [second] = await placeOf(ada)
    await bob.screenshot({ path: join(results, 'desktop-dark.png') })
    await says(bob, 'still here')
    await expect.poll(() => notes(ada), SLOWLY).toContain('still here')

    // The one that was killed is back before the other one leaves.
    const again = `[data-server="${first}"][data-state="serving"]:not([data-pid="${pid}"])`
    await expect.poll(() => ada.locator(again).count(), SLOWLY).toBe(1)
    const before = await placeOf(ada)
    await ada.click(`#restart-${second}`)
    await expect.poll(async () => (await placeOf(ada))[1], SLOWLY).not.toBe(before[1])
    for (const page of [ada, bob]) await hasEverything(page)
    await expect.poll(() => ada.locator('#tally').innerText(), SLOWLY).toMatch(/^24 guests.* lost 0, twice 0$/)
    for (const page of [ada, bob]) await page.close()
    expect(problems).toEqual([])
  })

  test.each([
    ['phone-light', { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }],
    ['tablet-dark', { colorScheme: 'dark', viewport: { width: 820, height: 1_180 } }],
  ] as const)('it fits a %s, and keys are enough', async (name, options) => {
    const page = await open(options)
    await expect.poll(() => page.locator('.guest').count(), SLOWLY).toBeGreaterThan(20)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.keyboard.type('by keys alone')
    await page.keyboard.press('Enter')
    await expect.poll(() => notes(page), SLOWLY).toContain('by keys alone')
    await hasEverything(page)
    expect(await page.evaluate(() => document.body.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
    await page.evaluate(() => scrollTo(0, 0))
    await page.screenshot({ path: join(results, `${name}.png`), fullPage: true })
    await page.close()
  })

  async function open(options: Parameters<Browser['newPage']>[0] = { colorScheme: 'light' }): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1_280, height: 860 }, ...options })
    page.on('pageerror', error => problems.push(String(error.stack)))
    page.on('console', message => {
      if (message.type() === 'error' && !UNREACHABLE.test(message.text())) problems.push(message.text())
    })
    await page.goto(url)
    const state = async () =>
      `${await page.locator('#status').getAttribute('data-status')}: ${await page.innerText('#state')}`
    await expect.poll(state, SLOWLY).toContain('online: Online')
    return page
  }
})

test('without redis-server, it says in one sentence how to come by it', async () => {
  const alone = new Program([program], { PORT: '0', PATH: '' })
  expect(await alone.prints(/This example needs redis-server.*\n/)).toContain('apt-get install redis-server')
  expect(await alone.ends()).toBe(1)
})

/** The server that a page is at, and its process. */
async function placeOf(page: Page): Promise<readonly [server: string, pid: string]> {
  const [, server = '', pid = ''] =
    /at server (\w+), process (\d+)/.exec(await page.locator('#where').innerText()) ?? []
  return server === '' ? placeOf(page) : [server, pid]
}

async function says(page: Page, text: string): Promise<void> {
  await page.fill('#say', text)
  await page.press('#say', 'Enter')
}

function notes(page: Page): Promise<string[]> {
  return page.locator('.note .text').allInnerTexts()
}

/** Beats go on; none was lost, none came twice, and no gap was told. */
async function hasEverything(page: Page): Promise<void> {
  const count = async (id: string) => Number((await page.locator(`#${id}`).innerText()).replaceAll(',', ''))
  const before = await count('received')
  await expect.poll(() => count('received'), SLOWLY).toBeGreaterThan(before + 5)
  expect([await count('lost'), await count('twice'), await count('gaps')]).toEqual([0, 0, 0])
}
