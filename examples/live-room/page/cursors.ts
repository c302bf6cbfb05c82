import { safe } from '@tautline/client'
import type { Visitor } from '../contract.ts'
import { byId, element, icon, isStill, onFrame } from './dom.ts'
import { api } from './live.ts'
import { me } from './me.ts'
import { guestIsGone, guestIsHere } from './people.ts'

const PERIOD_MS = 1_000 / 30
const STEP = 0.02
const MOST_CURSORS = 200
/** How much of the way to its newest place a cursor goes in 16 ms. */
const EASE = 0.35

interface Cursor {
  readonly mark: HTMLElement
  readonly at: Place
  readonly to: Place
}

interface Place {
  x: number
  y: number
}

const picture = byId('picture', HTMLDivElement)
const layer = byId('cursors', HTMLDivElement)
const channel = api.stage.cursors({ room: 'hall' })
const cursors = new Map<string, Cursor>()

/** Where this page points, and whether the others know. */
const own = { x: 0.5, y: 0.5, told: true, toldAt: 0 }

channel.subscribe(
  ({ who, x, y }) => {
    guestIsHere(who)
    if (who.id === me.id) return
    const cursor = cursors.get(who.id) ?? enter(who, { x, y })
    Object.assign(cursor.to, { x, y })
  },
  { onRetract: leave, onGap: () => [...cursors.keys()].forEach(leave) },
)

function enter(who: Visitor, place: Place): Cursor {
  const [oldest] = cursors.keys()
  if (cursors.size === MOST_CURSORS && oldest !== undefined) leave(oldest)
  const cursor = { mark: markOf(who), at: { ...place }, to: { ...place } }
  cursors.set(who.id, cursor)
  layer.append(cursor.mark)
  return cursor
}

function leave(id: string): void {
  guestIsGone(id)
  cursors.get(id)?.mark.remove()
  cursors.delete(id)
}

function markOf({ name, hue }: Visitor): HTMLElement {
  const mark = element('div', 'cursor', icon('pointer'), element('span', '', name))
  mark.style.setProperty('--hue', String(hue))
  return mark
}

onFrame((now, passed) => {
  tell(now)
  const { clientWidth, clientHeight } = layer
  const ease = isStill() ? 1 : 1 - (1 - EASE) ** (passed / 16)
  for (const { mark, at, to } of cursors.values()) {
    at.x += (to.x - at.x) * ease
    at.y += (to.y - at.y) * ease
    mark.style.transform = `translate(${at.x * clientWidth}px, ${at.y * clientHeight}px)`
  }
})

/** Thirty times a second at most, and only if it can go now: a place is worth nothing once there is a newer one. */
function tell(now: number): void {
  if (own.told || now - own.toldAt < PERIOD_MS) return
  own.told = true
  own.toldAt = now
  void safe(channel.publish({ x: own.x, y: own.y }, { volatile: true }))
}

function point(x: number, y: number): void {
  own.x = Math.min(1, Math.max(0, x))
  own.y = Math.min(1, Math.max(0, y))
  own.told = false
}

picture.addEventListener('pointermove', ({ clientX, clientY }) => {
  const { left, top, width, height } = picture.getBoundingClientRect()
  point((clientX - left) / width, (clientY - top) / height)
  ghost.hidden = true
})

const ghost = markOf({ id: me.id, name: 'You', hue: me.hue })
ghost.hidden = true
layer.append(ghost)

const ARROWS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
}

picture.addEventListener('keydown', event => {
  const arrow = ARROWS[event.key]
  if (!arrow) return
  event.preventDefault()
  point(own.x + arrow[0], own.y + arrow[1])
  ghost.hidden = false
  ghost.style.transform = `translate(${own.x * layer.clientWidth}px, ${own.y * layer.clientHeight}px)`
})
picture.addEventListener('blur', () => {
  ghost.hidden = true
})
