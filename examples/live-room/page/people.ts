import type { Visitor } from '../contract.ts'
import { byId, element } from './dom.ts'
import { api } from './live.ts'
import { me } from './me.ts'

const MOST_SHOWN = 8

const list = byId('people', HTMLUListElement)
const count = byId('people-count', HTMLParagraphElement)
const scripted = new Map<string, Visitor>()
let visitors: readonly Visitor[] = []
let total: number | undefined

/** A person as a coloured initial. */
export function avatarOf({ name, hue }: Visitor): HTMLElement {
  const avatar = element('span', 'avatar', Array.from(name)[0]?.toUpperCase() ?? '')
  avatar.style.setProperty('--hue', String(hue))
  avatar.ariaHidden = 'true'
  return avatar
}

/** The scripted guests have no session, so presence does not know them: they are here while they point. */
export function guestIsHere(guest: Visitor): void {
  if (!guest.scripted || scripted.has(guest.id)) return
  scripted.set(guest.id, guest)
  draw()
}

export function guestIsGone(id: string): void {
  if (scripted.delete(id)) draw()
}

function draw(): void {
  const everybody = [
    ...visitors.toSorted((a, b) => Number(b.id === me.id) - Number(a.id === me.id)),
    ...scripted.values(),
  ]
  list.replaceChildren(...everybody.slice(0, MOST_SHOWN).map(personItem))
  const others = everybody.length - MOST_SHOWN
  if (others > 0) list.append(element('li', 'others', `+${others}`))
  if (total === undefined) return
  const guests = scripted.size > 0 ? `, ${scripted.size} scripted` : ''
  count.textContent = `${total} ${total === 1 ? 'visitor' : 'visitors'}${guests}`
}

function personItem(person: Visitor): HTMLLIElement {
  const label = person.id === me.id ? `${person.name}, you` : person.scripted ? `${person.name}, scripted` : person.name
  const item = element('li', '', avatarOf(person), element('span', 'hidden', label))
  item.title = label
  item.classList.toggle('scripted', person.scripted === true)
  return item
}

api.rooms.feed({ room: 'hall' }).presence.subscribe((members, { count }) => {
  visitors = members.map(({ who }) => who)
  total = count
  draw()
})
