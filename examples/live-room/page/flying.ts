import { byId, drawingOn, isStill, onFrame } from './dom.ts'
import { type Flight, leftOf, Tracks } from './tracks.ts'

const LINE_PX = 34
const TOP_PX = 44
const BOTTOM_PX = 76
const LASTS_MS = 9_000
const MOST_FLYING = 500
const MOST_WAITING = 12
/** How many may set out in one frame without a track of their own. */
const MOST_SWARMING = 2
const WAIT_MS = 4_000
const MOST_SPRITES = 300
const STILL_LINES = 5

const canvas = byId('flying', HTMLCanvasElement)
const context = drawingOn(canvas)
const tracks = new Tracks()
const sprites = new Map<string, HTMLCanvasElement>()
const waiting: Text[] = []
let flying: Comment[] = []

interface Text {
  readonly sprite: HTMLCanvasElement
  readonly since: number
}

interface Comment extends Flight {
  readonly sprite: HTMLCanvasElement
  readonly top: number
}

/** Lets a comment fly over the picture: on a track of its own if one is free in time, else where it likes. */
export function fly(text: string, hue: number, own: boolean): void {
  // While nobody looks at the page nothing sets out.
  if (waiting.length >= MOST_FLYING) waiting.shift()
  waiting.push({ sprite: spriteOf(text, hue, own), since: performance.now() })
}

function launch(now: number): void {
  for (let swarm = MOST_SWARMING; swarm > 0; ) {
    const next = waiting[0]
    if (!next) return
    const width = next.sprite.width / SHARPNESS
    const flight = { width, startedAt: now, lastsMs: LASTS_MS }
    const room = Math.max(LINE_PX, canvas.clientHeight - TOP_PX - BOTTOM_PX)
    const track = tracks.place(flight, Math.floor(room / LINE_PX), canvas.clientWidth)
    if (track === undefined && waiting.length <= MOST_WAITING && now - next.since < WAIT_MS) return
    if (track === undefined) swarm -= 1
    const hurry = track === undefined ? 0.6 + Math.random() * 0.9 : 1
    const top = TOP_PX + (track === undefined ? Math.random() * (room - LINE_PX) : track * LINE_PX)
    if (flying.length >= MOST_FLYING) flying.shift()
    flying.push({ ...flight, lastsMs: LASTS_MS * hurry, sprite: next.sprite, top })
    waiting.shift()
  }
}

onFrame(now => {
  const stage = canvas.clientWidth
  launch(now)
  context.clearRect(0, 0, stage, canvas.clientHeight)
  if (flying.length === 0) return
  flying = flying.filter(comment => now - comment.startedAt < comment.lastsMs)
  if (isStill()) flying.slice(-STILL_LINES).forEach(drawStill)
  else for (const comment of flying) draw(comment, leftOf(comment, now, stage), comment.top)
})

function drawStill(comment: Comment, line: number): void {
  draw(comment, canvas.clientWidth - comment.width - 20, TOP_PX + line * LINE_PX)
}

function draw({ sprite, width }: Comment, left: number, top: number): void {
  context.drawImage(sprite, left, top, width, sprite.height / SHARPNESS)
}

const SHARPNESS = 2
const FONT = `600 ${innerWidth < 700 ? 15 : 17}px ${getComputedStyle(document.body).fontFamily}`

/** Text is drawn once, and then only moved. */
function spriteOf(text: string, hue: number, own: boolean): HTMLCanvasElement {
  const key = `${own} ${hue} ${text}`
  const known = sprites.get(key)
  if (known) return known
  const sprite = document.createElement('canvas')
  const pen = sprite.getContext('2d')
  if (!pen) return sprite
  pen.font = FONT
  sprite.width = Math.ceil(pen.measureText(text).width + 28) * SHARPNESS
  sprite.height = LINE_PX * SHARPNESS
  pen.scale(SHARPNESS, SHARPNESS)
  if (own) {
    pen.fillStyle = 'rgb(6 14 22 / 0.55)'
    pen.strokeStyle = `oklch(0.86 0.12 ${hue})`
    pen.beginPath()
    pen.roundRect(0.75, 2.75, sprite.width / SHARPNESS - 1.5, LINE_PX - 5.5, 14)
    pen.fill()
    pen.stroke()
  }
  pen.font = FONT
  pen.textBaseline = 'middle'
  pen.lineJoin = 'round'
  pen.lineWidth = 3.5
  pen.strokeStyle = 'rgb(6 14 22 / 0.7)'
  pen.strokeText(text, 14, LINE_PX / 2 + 1)
  pen.fillStyle = own ? '#fff' : `oklch(0.93 0.06 ${hue})`
  pen.fillText(text, 14, LINE_PX / 2 + 1)
  if (sprites.size === MOST_SPRITES) sprites.clear()
  sprites.set(key, sprite)
  return sprite
}
