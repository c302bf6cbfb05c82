import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
  type WebSocket,
} from 'playwright-core'
import { expect, vi } from 'vitest'
import { requireTool } from '../../../../test/support/requires.ts'

export const tool = requireTool('chromium')

/** What a browser says by itself while there is no server, and nothing else. */
const UNREACHABLE = /^WebSocket connection to 'ws:\S+' failed: |net::ERR_(?:CONNECTION_REFUSED|INTERNET_DISCONNECTED)/

export function launch(): Promise<Browser> {
  // Root may not use Chromium's sandbox.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: tool.path, args })
}

/** Somebody with the page open, who notices everything that goes wrong on it. */
export class Visitor {
  readonly name: string
  readonly page: Page
  readonly context: BrowserContext
  /** Every WebSocket that the page has opened. */
  readonly sockets: WebSocket[] = []
  readonly #problems: string[] = []
  #serverIsDown = false

  private constructor(name: string, context: BrowserContext, page: Page) {
    this.name = name
    this.context = context
    this.page = page
    page.on('websocket', socket => this.sockets.push(socket))
    page.on('pageerror', error => this.#problems.push(String(error.stack)))
    page.on('console', message => {
      if (message.type() !== 'error') return
      if (!this.#serverIsDown || !UNREACHABLE.test(message.text())) this.#problems.push(message.text())
    })
  }

  static async enter(
    browser: Browser,
    url: string,
    name: string,
    options: BrowserContextOptions = {},
  ): Promise<Visitor> {
    const remembered = { origin: new URL(url).origin, localStorage: [{ name: 'tautline.name', value: name }] }
    const storageState = { cookies: [], origins: [remembered] }
    const context = await browser.newContext({ viewport: { width: 1_440, height: 900 }, storageState, ...options })
    const visitor = new Visitor(name, context, await context.newPage())
    await visitor.page.goto(url)
    await visitor.becomes('Online')
    return visitor
  }

  /** While `work` runs, the browser may complain that nobody answers. */
  async withoutServer<T>(work: () => Promise<T>): Promise<T> {
    this.#serverIsDown = true
    try {
      return await work()
    } finally {
      this.#serverIsDown = false
    }
  }

  async leave(): Promise<void> {
    await this.context.close()
    this.hasNoProblems()
  }

  /** The browser has complained of nothing since this was asked last. */
  hasNoProblems(): void {
    expect(this.#problems.splice(0)).toEqual([])
  }

  text(selector: string): Promise<string> {
    return this.page.locator(selector).innerText()
  }

  async say(text: string): Promise<void> {
    await this.page.fill('#say', text)
    await this.page.press('#say', 'Enter')
  }

  async comment(text: string): Promise<void> {
    await this.page.fill('#comment-text', text)
    await this.page.press('#comment-text', 'Enter')
  }

  /** What was said by somebody in the room that is shown, in order. */
  lines(author: string): Promise<string[]> {
    return this.page.locator('.panel:not([hidden]) .message:not(.pending)').evaluateAll((items, author) => {
      const own = items.filter(item => item.querySelector('.by b')?.textContent === author)
      return own.map(item => item.querySelector('.text')?.textContent ?? '')
    }, author)
  }

  /** Waits until the badge says so. */
  async becomes(state: string | RegExp): Promise<void> {
    await vi.waitFor(async () => expect(await this.text('#state')).toMatch(state), { timeout: 20_000, interval: 25 })
  }

  /** Waits until it is online again, and where the page offers not to wait for so long, does not. */
  async comesBack(): Promise<void> {
    await vi.waitFor(
      async () => {
        const offer = this.page.locator('#reopen:not([hidden])')
        if (await offer.isVisible()) await offer.click({ timeout: 500 })
        expect(await this.text('#state')).toBe('Online')
      },
      { timeout: 20_000, interval: 100 },
    )
  }

  /** Every text that the badge shows from now on. */
  async watchBadge(): Promise<() => Promise<string[]>> {
    await this.page.evaluate(() => {
      const badge = document.getElementById('state') as HTMLElement
      const seen: string[] = []
      new MutationObserver(() => seen.push(badge.innerText)).observe(badge, {
        childList: true,
        characterData: true,
        subtree: true,
      })
      Object.assign(window, { seen })
    })
    return () => this.page.evaluate(() => (window as unknown as { seen: string[] }).seen)
  }

  async counts(): Promise<{ sent: number; received: number; lost: number; twice: number }> {
    const [sent = 0, received = 0, lost = 0, twice = 0] = await Promise.all(
      ['#sent', '#received', '#lost', '#twice'].map(async id => Number((await this.text(id)).replace(/\D/g, ''))),
    )
    return { sent, received, lost, twice }
  }

  /** Nothing lost, nothing twice, and beats are still coming. */
  async hasEverything(): Promise<void> {
    const before = (await this.counts()).received
    await vi.waitFor(async () => expect((await this.counts()).received).toBeGreaterThan(before + 5), {
      timeout: 10_000,
    })
    expect(await this.counts()).toMatchObject({ lost: 0, twice: 0 })
  }
}
