import { createHash, randomBytes } from 'node:crypto'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { answerTo } from '../server/assistant.ts'
import { type RoomServer, startServer } from './support/server.ts'
import { launch, tool, Visitor } from './support/visitor.ts'

const CUT_QUESTION = 'What if I cut the line?'

tool.describe('two visitors in the live room', () => {
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
    await Promise.all([ada.hasEverything(), bob.hasEverything()])
    for (const visitor of [ada, bob]) visitor.hasNoProblems()
  })
  afterAll(async () => {
    await browser.close()
    await server.end()
  })

  test('talk, see each other, and find what was said before', async () => {
    await ada.say('hello')
    await ada.say('is anybody here?')
    await expect.poll(() => bob.lines('Ada')).toEqual(['hello', 'is anybody here?'])
    await bob.say('me')
    await expect.poll(() => ada.lines('Bob')).toEqual(['me'])
    await expect
      .poll(() => names(ada))
      .toEqual(expect.arrayContaining(['Ada, you', 'Bob', 'Mira, scripted', 'Jonah, scripted']))

    await bob.page.reload()
    await bob.becomes('Online')
    await expect.poll(() => bob.lines('Ada')).toEqual(['hello', 'is anybody here?'])
    await expect.poll(() => bob.lines('Bob')).toEqual(['me'])
    expect((await ada.counts()).sent).toBe(2)
  })

  test('take another name, which everybody sees at once and the browser remembers', async () => {
    await bob.page.fill('#name', 'Robert')
    await bob.page.press('#name', 'Enter')
    await expect.poll(() => names(ada)).toContain('Robert')
    await bob.say('it is still me')
    await expect.poll(() => ada.lines('Robert')).toEqual(['it is still me'])
    expect(await bob.page.evaluate(() => localStorage.getItem('tautline.name'))).toBe('Robert')
    await bob.page.fill('#name', 'Bob')
    await bob.page.press('#name', 'Enter')
    await expect.poll(() => names(ada)).toContain('Bob')
  })

  test('send two hundred comments at once, and each arrives once', async () => {
    await bob.comment('quiet here')
    const { sent } = await ada.counts()
    await ada.page.click('#flood')
    await expect.poll(async () => (await ada.counts()).sent, { timeout: 40_000 }).toBe(sent + 200)
    await ada.comment('that was all')
    await expect.poll(() => bob.page.locator('#comments li').allInnerTexts()).toContain('Ada: that was all')
  })

  test('point at the picture, with a mouse or with keys, and are gone when they leave', async () => {
    await expect.poll(() => pointer(bob, 'Mira')).toBeDefined()
    const picture = await ada.page.locator('#picture').boundingBox()
    if (!picture) throw new Error('there is no picture')
    for (const part of [0.2, 0.4, 0.6, 0.8]) {
      await ada.page.mouse.move(picture.x + picture.width * part, picture.y + picture.height * 0.25)
    }
    await expect.poll(() => pointer(bob, 'Ada')).toEqual({ x: 80, y: 25 })
    await ada.page.focus('#picture')
    await ada.page.keyboard.press('ArrowLeft')
    await ada.page.keyboard.press('ArrowDown')
    await expect.poll(() => pointer(bob, 'Ada')).toEqual({ x: 78, y: 27 })

    const cyd = await Visitor.enter(browser, server.url, 'Cyd')
    await cyd.page.hover('#picture')
    await expect.poll(() => pointer(bob, 'Cyd')).toBeDefined()
    await cyd.page.goto('about:blank')
    await expect.poll(() => pointer(bob, 'Cyd')).toBeUndefined()
    await expect.poll(() => names(bob)).not.toContain('Cyd')
    await cyd.leave()
  })

  test('upload a file, and get the digest of what arrived', async () => {
    const buffer = randomBytes(700_001)
    await ada.page.setInputFiles('#file', { name: 'holiday.jpg', mimeType: 'image/jpeg', buffer })
    await expect.poll(() => progress(ada)).toBeGreaterThan(0)
    await expect.poll(() => ada.text('#digest code'), { timeout: 10_000 }).toBe(sha256(buffer))
    expect(await ada.text('#digest')).toContain('The same SHA-256 here and there')
    expect(await progress(ada)).toBe(1)
  })

  test('are answered word by word, and may stop it', async () => {
    await ada.page.fill('#question', 'What about types?')
    await ada.page.press('#question', 'Enter')
    await expect.poll(() => words(ada)).toBeGreaterThan(5)
    await ada.page.click('#ask-stop')
    await expect.poll(() => ada.text('#answer-count')).toBe('Stopped, on the server too')
    const said = await ada.text('#answer .words')
    expect(answerTo('types').startsWith(said)).toBe(true)
  })

  test('knock at a closed room and are told when it opens', async () => {
    // The desk keeps hours by the clock: it opens 20 s into every half minute. Whoever knocks early has time to be told.
    const since = Date.now() % 30_000
    if (since > 8_000) await new Promise(resolve => setTimeout(resolve, 30_000 - since))
    await ada.page.click('#tab-desk')
    await ada.say('may I?')
    await ada.page.waitForSelector('#closed:not([hidden])')
    expect(await ada.text('#closed')).toContain('The night desk is closed until')
    expect(await ada.page.inputValue('#say')).toContain('may I?')
    const until = await ada.page.locator('#closed time').getAttribute('datetime')
    const left = +new Date(until ?? '') - Date.now()
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(20_000)
    const first = await ada.text('#closed .left')
    expect(first).toMatch(/^0:[0-2]\d$/)
    await expect.poll(() => ada.text('#closed .left'), { timeout: 3_000 }).not.toBe(first)
    await ada.page.click('#tab-hall')
  })

  test('do not notice that the line is cut in the middle of an answer and an upload', async () => {
    const badge = await ada.watchBadge()
    await ada.page.fill('#question', CUT_QUESTION)
    await ada.page.press('#question', 'Enter')
    await ada.page.click('#noise')
    for (const share of [0.1, 0.3, 0.5]) {
      await expect.poll(() => progress(ada), { timeout: 10_000 }).toBeGreaterThan(share)
      await ada.page.click('#cut')
      await bob.say(`cut at ${share}`)
      await ada.becomes('Online')
    }
    await expect.poll(() => ada.text('#digest'), { timeout: 15_000 }).toContain('The same SHA-256 here and there')
    await expect.poll(() => ada.text('#answer-count'), { timeout: 15_000 }).toMatch(/^(\d+) of \1 words$/)
    expect(await ada.text('#answer .words')).toBe(answerTo(CUT_QUESTION))
    await expect
      .poll(() => ada.lines('Bob'))
      .toEqual(expect.arrayContaining(['cut at 0.1', 'cut at 0.3', 'cut at 0.5']))
    const states = new Set((await badge()).map(state => state.replace(/^Line lost.*/, 'Line lost')))
    expect(states).toEqual(new Set(['Line lost', 'Connecting', 'Online']))
    // The other lane had the same cuts, and did not get over them.
    expect(await ada.text('#lane-tautline .counts')).toBe('0 lost · 0 twice')
    expect(await ada.text('#lane-bare .counts')).toMatch(/^[1-9]\d* lost/)
  })

  test('share one port with Vite, whose own socket outlives every cut', async () => {
    const alive = ada.sockets.filter(socket => !socket.isClosed()).map(socket => new URL(socket.url()))
    expect(alive.map(url => url.pathname).sort()).toEqual(['/', '/bare', '/live'])
    expect(new Set(alive.map(url => url.host))).toEqual(new Set([new URL(server.url).host]))
  })

  test('need no mouse', async () => {
    const { keyboard } = ada.page
    await ada.page.fill('#say', '')
    await ada.page.evaluate(() => (document.activeElement as HTMLElement).blur())
    await ada.page.focus('.skip')
    expect(await ada.page.evaluate(() => document.activeElement?.className)).toBe('skip')
    await keyboard.press('Enter')
    expect(await ada.page.evaluate(() => document.activeElement?.id)).toBe('say')
    await keyboard.type('typed')
    await keyboard.press('Enter')
    await expect.poll(() => bob.lines('Ada')).toContain('typed')
  })
})

function names(visitor: Visitor): Promise<string[]> {
  return visitor.page.locator('#people li').evaluateAll(items => items.map(item => (item as HTMLElement).title))
}

/** Where somebody points, in hundredths of the picture. */
function pointer(visitor: Visitor, name: string): Promise<{ x: number; y: number } | undefined> {
  return visitor.page.locator('#cursors').evaluate((layer, name) => {
    const mark = [...layer.children].find(child => child.textContent === name)
    if (!(mark instanceof HTMLElement)) return undefined
    const { m41, m42 } = new DOMMatrix(mark.style.transform)
    return { x: Math.round((m41 / layer.clientWidth) * 100), y: Math.round((m42 / layer.clientHeight) * 100) }
  }, name)
}

function progress(visitor: Visitor): Promise<number> {
  return visitor.page.locator('#progress').evaluate(bar => (bar as HTMLProgressElement).value)
}

async function words(visitor: Visitor): Promise<number> {
  return (await visitor.text('#answer')).split(' ').length
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
