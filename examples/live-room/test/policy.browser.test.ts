import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RoomServer, startServer } from './support/server.ts'
import { launch, tool, Visitor } from './support/visitor.ts'

tool.describe('the page as it would be deployed', () => {
  let browser: Browser
  let server: RoomServer

  beforeAll(async () => {
    ;[browser, server] = await Promise.all([launch(), startServer({ built: true })])
  })
  afterAll(async () => {
    await browser.close()
    await server.end()
  })

  test('works under a content security policy that allows nothing inline, no eval and no other host', async () => {
    const policy = (await fetch(server.url)).headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'self'")
    expect(policy).not.toMatch(/unsafe|\*|https?:/)

    const ada = await Visitor.enter(browser, server.url, 'Ada')
    await ada.say('strictly speaking')
    await expect.poll(() => ada.lines('Ada')).toEqual(['strictly speaking'])
    await ada.page.click('#questions button')
    await expect.poll(async () => (await ada.text('#answer .words')).split(' ').length).toBeGreaterThan(5)
    await ada.page.click('#cut')
    await ada.becomes('Online')
    await ada.hasEverything()
    await ada.leave()
  })

  test('stands still for those who asked for it', async () => {
    const ada = await Visitor.enter(browser, server.url, 'Ada', { reducedMotion: 'reduce' })
    await ada.comment('nothing flies')
    await expect.poll(() => ada.page.locator('#comments li').allInnerTexts()).toContain('Ada: nothing flies')
    expect(await ada.page.evaluate(() => document.getAnimations().length)).toBe(0)
    const [one, two] = [await picture(ada), await picture(ada)]
    expect(one.length).toBeGreaterThan(1_000)
    expect(two).toBe(one)
    await ada.leave()
  })
})

function picture({ page }: Visitor): Promise<string> {
  return page.evaluate(async () => {
    await new Promise(resolve => setTimeout(resolve, 200))
    return (document.getElementById('scene') as HTMLCanvasElement).toDataURL()
  })
}
