import { randomBytes } from 'node:crypto'
import type { Publisher } from '@tautline/server'
import { live, type Visitor } from '../contract.ts'
import type { Audience } from './audience.ts'
import type { BareLane } from './bare.ts'
import { CHATTER, COMMENTS, WELCOMES } from './script.ts'

const FRAME_MS = 33
const COMMENT_MS = 1_400
const CHAT_MS = 6_500
const WELCOME_MS = 1_800

/** With so many visitors the room lives by itself. */
const CROWD = 4
const MOST_WELCOMED = 200
/** What has been said when the first visitor comes. */
const OPENING = 6

/** Two scripted guests: they talk, comment and point while there are few visitors, and leave the room to a crowd. */
export class Guests {
  readonly #audience: Audience
  readonly #bare: BareLane
  readonly #guests: readonly Guest[]
  readonly #welcomed = new Set<string>()
  #publisher: Publisher | undefined
  #timer: NodeJS.Timeout | undefined
  #frame = 0
  #lines = 0
  #comments = 0
  #pointing = false

  constructor(audience: Audience, bare: BareLane) {
    this.#audience = audience
    this.#bare = bare
    this.#guests = [
      { name: 'Mira', hue: 168 },
      { name: 'Jonah', hue: 28 },
    ].map(({ name, hue }) => new Guest({ id: `guest-${randomBytes(6).toString('hex')}`, name, hue, scripted: true }))
  }

  start(publisher: Publisher): void {
    this.#publisher = publisher
    for (let line = 0; line < OPENING; line++) this.#chat()
    this.#timer = setInterval(() => this.#tick(), FRAME_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#publisher = undefined
  }

  /** Welcomes whoever speaks for the first time. */
  hear(visitor: Visitor): void {
    if (this.#audience.size >= CROWD || this.#welcomed.has(visitor.id)) return
    if (this.#welcomed.size === MOST_WELCOMED) this.#welcomed.clear()
    const text = pick(WELCOMES, this.#welcomed.size).replace('{name}', visitor.name)
    this.#welcomed.add(visitor.id)
    setTimeout(() => this.#say(pick(this.#guests, this.#welcomed.size), text), WELCOME_MS).unref()
  }

  #tick(): void {
    const { size } = this.#audience
    if (size === 0 || size >= CROWD) return this.#rest()
    this.#frame += 1
    this.#pointing = true
    for (const [index, guest] of this.#guests.entries()) this.#point(guest, this.#frame / 30 + index * 40)
    if (this.#due(COMMENT_MS * size))
      this.#comment(pick(this.#guests, this.#comments), pick(COMMENTS, this.#comments++))
    if (this.#due(CHAT_MS * size)) this.#chat()
  }

  #chat(): void {
    this.#say(pick(this.#guests, this.#lines), pick(CHATTER, this.#lines))
    this.#lines += 1
  }

  #due(everyMs: number): boolean {
    return this.#frame % Math.round(everyMs / FRAME_MS) === 0
  }

  #rest(): void {
    if (!this.#pointing) return
    this.#pointing = false
    for (const { visitor } of this.#guests)
      void this.#publisher?.retract(live.stage.cursors, { room: 'hall' }, visitor.id)
  }

  #point({ visitor }: Guest, t: number): void {
    const x = 0.5 + 0.28 * Math.sin(t / 2.3) + 0.13 * Math.sin(t * 1.1)
    const y = 0.46 + 0.22 * Math.cos(t / 1.9) + 0.1 * Math.sin(t * 1.4)
    void this.#publisher?.publish(live.stage.cursors, { room: 'hall' }, { who: visitor, x, y })
  }

  #comment({ visitor, comments }: Guest, text: string): void {
    const seq = comments.next()
    this.#bare.tell({ channel: 'comments', author: visitor.id, seq })
    void this.#publisher?.publish(live.stage.comments, { room: 'hall' }, { author: visitor, seq, text })
  }

  #say({ visitor, lines }: Guest, text: string): void {
    const seq = lines.next()
    this.#bare.tell({ channel: 'hall', author: visitor.id, seq })
    void this.#publisher?.publish(live.rooms.feed, { room: 'hall' }, { author: visitor, seq, text, at: new Date() })
  }
}

/** A guest numbers what it says like everybody else. */
class Guest {
  readonly visitor: Visitor
  readonly lines = new Counter()
  readonly comments = new Counter()

  constructor(visitor: Visitor) {
    this.visitor = visitor
  }
}

class Counter {
  #last = 0

  next(): number {
    this.#last += 1
    return this.#last
  }
}

function pick<T>(list: readonly [T, ...T[]] | readonly T[], index: number): T {
  return list[index % list.length] as T
}
