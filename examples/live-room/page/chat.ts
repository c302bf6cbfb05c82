import type { Message } from '@tautline/core'
import type { Live, RoomName } from '../contract.ts'
import { knock } from './closed.ts'
import { byId, element, icon } from './dom.ts'
import { api, ledger } from './live.ts'
import { me } from './me.ts'
import { avatarOf } from './people.ts'
import { Speaker } from './speaker.ts'

type Said = Message<Live['rooms']['feed']>

const REWIND = 50
const MOST_SHOWN = 300
const SAME_BREATH_MS = 180_000
const NEAR_PX = 60

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const input = byId('say', HTMLInputElement)
const newer = byId('newer', HTMLButtonElement)

/** A message of this page that has not come back from the server. */
interface Pending {
  readonly item: HTMLLIElement
  seq?: number
}

/** One room: what was said in it, and what this page is about to say. */
class Room {
  readonly name: RoomName
  readonly panel: HTMLDivElement
  readonly tab: HTMLButtonElement
  readonly #log: HTMLOListElement
  readonly #speaker = new Speaker()
  readonly #pending: Pending[] = []
  #latest: Said | undefined

  constructor(name: RoomName) {
    this.name = name
    this.panel = byId(`panel-${name}`, HTMLDivElement)
    this.#log = this.panel.querySelector('ol') as HTMLOListElement
    this.tab = byId(`tab-${name}`, HTMLButtonElement)
    this.#log.append(element('li', 'empty', 'Nobody has said anything yet.'))
    this.panel.addEventListener('scroll', () => showNewer(this))
    api.rooms.feed({ room: name }).subscribe(message => this.#show(message), {
      rewind: REWIND,
      onGap: () => this.#note('Some messages are lost for good: the room does not remember so far back.'),
    })
  }

  get isNearEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.panel
    return scrollHeight - scrollTop - clientHeight < NEAR_PX
  }

  toEnd(): void {
    this.panel.scrollTop = this.panel.scrollHeight
  }

  async say(text: string): Promise<void> {
    const pending: Pending = { item: pendingItem(text) }
    this.#pending.push(pending)
    this.#append(pending.item)
    this.toEnd()
    const error = await this.#speaker.say((seq, idempotencyKey) => {
      pending.seq = seq
      return api.rooms.post({ room: this.name, seq, text }, { idempotencyKey })
    })
    if (!error) return
    this.#settle(pending)
    input.value = [text, input.value].filter(Boolean).join(' ')
    if (error.code === 'ROOM_CLOSED') knock('The night desk', error.data.until)
    else this.#note(`Not sent: ${error.message}.`)
  }

  #show(message: Said): void {
    ledger.enter(this.name, message.author.id, message.seq)
    const own = message.author.id === me.id
    if (own) this.#settle(this.#pending.find(({ seq }) => seq === message.seq))
    const follow = own || this.isNearEnd
    this.#append(messageItem(message, this.#latest), this.#pending[0]?.item)
    this.#latest = message
    if (follow) this.toEnd()
    if (this !== shown) this.tab.dataset.unread = ''
    showNewer(this, !follow)
  }

  #settle(pending: Pending | undefined): void {
    if (!pending) return
    pending.item.remove()
    this.#pending.splice(this.#pending.indexOf(pending), 1)
  }

  #note(text: string): void {
    this.#latest = undefined
    this.#append(element('li', 'note', text), this.#pending[0]?.item)
    this.toEnd()
  }

  #append(item: HTMLLIElement, before: HTMLLIElement | undefined = undefined): void {
    this.#log.querySelector('.empty')?.remove()
    this.#log.insertBefore(item, before ?? null)
    while (this.#log.childElementCount > MOST_SHOWN) this.#log.firstElementChild?.remove()
  }
}

function messageItem({ author, text, at }: Said, before: Said | undefined): HTMLLIElement {
  const stamp = element('time', '', time.format(at))
  stamp.dateTime = at.toISOString()
  const head = element('p', 'by', element('b', '', author.name), ' ', stamp)
  const item = element('li', 'message', avatarOf(author), head, element('p', 'text', text))
  item.classList.toggle('more', before?.author.id === author.id && +at - +before.at < SAME_BREATH_MS)
  item.classList.toggle('own', author.id === me.id)
  return item
}

function pendingItem(text: string): HTMLLIElement {
  const sending = element('span', 'hidden', 'Sending: ')
  return element('li', 'message own more pending', element('p', 'text', sending, text, icon('clock')))
}

function showNewer(room: Room, more = false): void {
  if (room !== shown) return
  if (more) newer.hidden = false
  else if (room.isNearEnd) newer.hidden = true
}

function show(room: Room): void {
  shown = room
  for (const { panel, tab, name } of rooms) {
    panel.hidden = name !== room.name
    tab.ariaSelected = String(name === room.name)
    tab.tabIndex = name === room.name ? 0 : -1
  }
  delete room.tab.dataset.unread
  input.placeholder = room.name === 'desk' ? 'Knock at the night desk' : 'Say something'
  room.toEnd()
  showNewer(room)
}

const rooms = [new Room('hall'), new Room('desk')] as const
let shown: Room = rooms[0]

for (const [index, room] of rooms.entries()) {
  const other = rooms[1 - index] ?? room
  room.tab.addEventListener('click', () => show(room))
  room.tab.addEventListener('keydown', ({ key }) => {
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return
    show(other)
    other.tab.focus()
  })
}

newer.addEventListener('click', () => shown.toEnd())
byId('composer', HTMLFormElement).addEventListener('submit', event => {
  event.preventDefault()
  const text = input.value.trim()
  if (text === '') return
  input.value = ''
  void shown.say(text)
})
