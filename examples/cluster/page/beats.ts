import { byId, element } from '../../live-room/page/dom.ts'
import { Ledger } from '../../live-room/page/ledger.ts'
import { HALL } from '../hall.ts'
import { onHere } from './here.ts'
import { api } from './live.ts'

const MOST_BARS = 240

const strip = byId('strip', HTMLElement)
const ledger = new Ledger()
let server: string | undefined
let gaps = 0

/** What comes before the page knows where it is belongs to the server that it then turns out to be at. */
onHere(here => {
  server = here?.server
  if (here)
    for (const bar of strip.querySelectorAll<HTMLElement>('[data-server=""]')) bar.dataset['server'] = here.server
})

function show(kind: 'beat' | 'hole', level: number): void {
  const bar = element('i', kind)
  bar.dataset['server'] = server ?? ''
  bar.style.setProperty('--level', String(level))
  strip.append(bar)
  if (strip.childElementCount > MOST_BARS) strip.firstElementChild?.remove()
}

function count(): void {
  const counts = { received: ledger.received, lost: ledger.lost, twice: ledger.twice, gaps }
  for (const [name, value] of Object.entries(counts)) byId(name, HTMLElement).textContent = value.toLocaleString('en')
}

api.beats(HALL).subscribe(
  ({ source, seq, level }) => {
    for (const _ of ledger.enter('beats', source, seq)) show('hole', 1)
    show('beat', level)
    count()
  },
  {
    rewind: 60,
    onGap: () => {
      gaps += 1
      count()
    },
  },
)

api.tallies(HALL).subscribe(
  ({ clients, received, lost, twice }) => {
    const tally = `${clients} guests beside you: received ${received.toLocaleString('en')}, lost ${lost}, twice ${twice}`
    byId('tally', HTMLElement).textContent = tally
  },
  // Only the newest is kept, and only the newest counts.
  { rewind: 1, onGap: () => undefined },
)
