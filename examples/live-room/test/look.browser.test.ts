import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../../../test/support/pages.ts'
import { type RoomServer, startServer } from './support/server.ts'
import { launch, tool, Visitor } from './support/visitor.ts'

const results = join(root, 'test-results', 'live-room')

const LOOKS: readonly (readonly [name: string, options: BrowserContextOptions])[] = [
  ['desktop-light', { colorScheme: 'light' }],
  ['desktop-dark', { colorScheme: 'dark' }],
  ['tablet-dark', { colorScheme: 'dark', viewport: { width: 900, height: 1_180 } }],
  [
    'phone-light',
    { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true, deviceScaleFactor: 2 },
  ],
]

/** Screenshots for people to look at; a machine can only see that nothing sticks out. */
tool.describe('the look of the live room', () => {
  let browser: Browser
  let server: RoomServer

  beforeAll(async () => {
    mkdirSync(results, { recursive: true })
    ;[browser, server] = await Promise.all([launch(), startServer()])
  })
  afterAll(async () => {
    await browser.close()
    await server.end()
  })

  test.each(LOOKS)('%s fits its window', async (name, options) => {
    const ada = await Visitor.enter(browser, server.url, 'Ada', options)
    await ada.say('Good evening')
    await ada.comment('what a night')
    await ada.page.click('#questions button')
    await ada.page.setInputFiles('#file', {
      name: 'noise.bin',
      mimeType: 'application/octet-stream',
      buffer: randomBytes(2_000_000),
    })
    await expect
      .poll(async () => (await ada.text('#answer .words')).split(' ').length, { timeout: 10_000 })
      .toBeGreaterThan(12)
    await ada.page.click('#cut')
    await ada.becomes('Online')
    await expect.poll(() => ada.text('#lane-bare .counts'), { timeout: 10_000 }).toMatch(/^[1-9]/)
    await ada.page.evaluate(() => scrollTo(0, 0))
    await ada.page.screenshot({ path: join(results, `${name}.png`) })

    expect(await ada.page.evaluate(() => document.body.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
    await expect.poll(() => ada.text('#digest'), { timeout: 20_000 }).toContain('SHA-256')
    expect(await cardsThatOverflow(ada)).toEqual([])
    await ada.page.screenshot({ path: join(results, `${name}-later.png`), fullPage: true })
    await ada.leave()
  })
})

function cardsThatOverflow({ page }: Visitor): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.card')]
      .filter(card => card.scrollHeight > card.clientHeight + 1)
      .map(card => card.className),
  )
}
