import { type Numbered, openBareLane } from './bare.ts'
import { byId, onFrame } from './dom.ts'
import { Ledger } from './ledger.ts'
import { api, connection, ledger } from './live.ts'
import { lineKey } from './me.ts'
import { beatScene } from './scene.ts'
import { TautString } from './string.ts'
import { Strip } from './strip.ts'

const BEAT_MS = 100
const REWIND = 200
const PLUCK = 0.07

const cut = byId('cut', HTMLButtonElement)
const news = byId('line-news', HTMLParagraphElement)
const string = new TautString(byId('string', HTMLCanvasElement))
const tautline = laneOf('lane-tautline', ledger)
const bare = laneOf('lane-bare', new Ledger())
const lanes = [tautline, bare]

/** The newest beat on either lane, and when it came: between beats the strips glide on by the clock. */
const newest = { seq: 0, at: 0 }

function laneOf(id: string, counted: Ledger) {
  const lane = byId(id, HTMLDivElement)
  const canvas = lane.querySelector('canvas') as HTMLCanvasElement
  const counts = lane.querySelector('.counts') as HTMLParagraphElement
  return { lane, counts, ledger: counted, strip: new Strip(canvas) }
}

function enter(lane: typeof bare, { channel, author, seq, level }: Numbered): void {
  const lost = lane.ledger.enter(channel, author, seq)
  if (level === undefined) return
  for (const missing of lost) lane.strip.set(missing, 'lost')
  lane.strip.set(seq, level)
  if (seq > newest.seq) Object.assign(newest, { seq, at: performance.now() })
}

api.stage.beats({ room: 'hall' }).subscribe(
  ({ source, seq, level }) => {
    enter(tautline, { channel: 'beats', author: source, seq, level })
    beatScene(level)
    string.pluck(PLUCK)
  },
  // What a gap leaves out is counted like everything else.
  { rewind: REWIND, onGap: () => undefined },
)

openBareLane(numbered => enter(bare, numbered))

onFrame(now => {
  const edge = newest.seq + (now - newest.at) / BEAT_MS
  tellNews()
  for (const { lane, counts, ledger, strip } of lanes) {
    strip.draw(newest.seq === 0 ? 0 : edge)
    const text = `${ledger.lost.toLocaleString()} lost · ${ledger.twice} twice`
    if (counts.textContent !== text) counts.textContent = text
    lane.classList.toggle('holes', ledger.lost + ledger.twice > 0)
  }
})

/** The last cut: when it was, what had been lost before, and how long it took to come back. */
let last: { readonly at: number; readonly lost: readonly number[]; tookMs: number | undefined } | undefined

connection.on('state', ({ status }) => {
  string.tied = status === 'online'
  cut.disabled = status !== 'online'
  if (last && status === 'online') last.tookMs ??= performance.now() - last.at
})

cut.addEventListener('click', () => {
  cut.disabled = true
  last = { at: performance.now(), lost: lanes.map(({ ledger }) => ledger.lost), tookMs: undefined }
  void fetch(`/cut?line=${lineKey}`, { method: 'POST' })
})

function tellNews(): void {
  if (!last) return
  const [here, there] = lanes.map(({ ledger }, index) => ledger.lost - (last?.lost[index] ?? 0))
  const text =
    last.tookMs === undefined
      ? 'Cut. The TCP connections of both lanes are gone.'
      : `Back after ${(last.tookMs / 1_000).toFixed(1)} s. Lost: ${here} on Tautline, ${there} on the bare WebSocket.`
  if (news.textContent !== text) news.textContent = text
}
