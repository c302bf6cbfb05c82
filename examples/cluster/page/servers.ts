import { safe } from '@tautline/client'
import { byId, element } from '../../live-room/page/dom.ts'
import { HALL } from '../hall.ts'
import { type Here, onHere } from './here.ts'
import { api, me } from './live.ts'

/** A server as it last said of itself. */
interface Known extends Here {
  readonly state: 'serving' | 'leaving' | 'gone'
  readonly sessions: number
}

interface Guest extends Here {
  readonly id: string
  readonly name: string
}

const list = byId('servers', HTMLUListElement)
const known = new Map<string, Known>()
let guests: readonly Guest[] = []
let here: Here | undefined

const WORDS: Readonly<Record<Known['state'], string>> = {
  serving: 'serving',
  leaving: 'leaving, in good order',
  gone: 'dead',
}

function box(name: string): HTMLLIElement {
  const found = list.querySelector<HTMLLIElement>(`[data-server="${CSS.escape(name)}"]`)
  if (found) return found
  const kill = element('button', 'quiet', 'Kill')
  const restart = element('button', 'quiet', 'Restart')
  for (const [button, how] of [
    [kill, 'kill'],
    [restart, 'restart'],
  ] as const) {
    button.type = 'button'
    button.id = `${how}-${name}`
    button.setAttribute('aria-label', `${button.textContent} server ${name}`)
    button.addEventListener('click', () => void operate(name, how))
  }
  const made = element(
    'li',
    'server',
    element('p', 'name', element('b', '', `Server ${name}`), element('span', 'faint words')),
    element('p', 'guests'),
    element('p', 'buttons', kill, restart),
  )
  made.dataset['server'] = name
  const next = [...list.children].find(other => (other.getAttribute('data-server') ?? '') > name)
  list.insertBefore(made, next ?? null)
  return made
}

/** A server that is killed cannot answer: that is not worth a word. */
async function operate(server: string, how: 'kill' | 'restart'): Promise<void> {
  const { ok, error } = await safe(api.operate({ server, how }))
  byId('answer', HTMLElement).textContent = ok || error.mayHaveRun ? '' : `Not done: ${error.message}`
}

function draw(): void {
  for (const [name, { pid, state, sessions }] of known) {
    const made = box(name)
    made.dataset['state'] = state
    made.dataset['pid'] = String(pid)
    made.dataset['here'] = String(here?.pid === pid && state !== 'gone')
    const words =
      state === 'gone' ? WORDS.gone : `${WORDS[state]}, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`
    const span = made.querySelector('.words')
    if (span) span.textContent = words
    for (const button of made.querySelectorAll('button')) button.disabled = state !== 'serving'
    drawGuests(made.querySelector('.guests'), name, state === 'gone' ? -1 : pid)
  }
}

/** Whoever was at a process that died is a ghost until its lease is over. */
function drawGuests(place: Element | null, server: string, pid: number): void {
  const there = guests.filter(guest => guest.server === server)
  place?.setAttribute('aria-label', `${there.filter(guest => guest.pid === pid).length} people at server ${server}`)
  place?.replaceChildren(
    ...there.map(({ name, pid: at }) => {
      const dot = element('i', `guest${name === me ? ' me' : ''}${at === pid ? '' : ' ghost'}`)
      dot.title = at === pid ? name : `${name} was here`
      return dot
    }),
  )
}

api.servers(HALL).subscribe(
  server => {
    known.set(server.server, server)
    draw()
  },
  {
    onRetract(name) {
      const server = known.get(name)
      if (server) known.set(name, { ...server, state: 'gone' })
      draw()
    },
  },
)
api.notes(HALL).presence.subscribe(members => {
  guests = members
  draw()
})
onHere(now => {
  here = now
  draw()
})
