import { byId, drawingOn, isStill, onFrame } from './dom.ts'

const HORIZON = 0.56
const FRAME_MS = 32
const TURN_MS = 12_000
const STARS = 110

const canvas = byId('scene', HTMLCanvasElement)
const context = drawingOn(canvas, 1)
const backdrop = document.createElement('canvas')
let swell = 0.4
let wanted = 0.4
let drawnAt = 0
let drawnStill = ''

/** The next beat: how high the sea goes. */
export function beatScene(level: number): void {
  wanted = level
}

onFrame(now => {
  if (now - drawnAt < FRAME_MS) return
  const { clientWidth: width, clientHeight: height } = canvas
  const size = `${width}x${height}`
  if (isStill() && drawnStill === size) return
  drawnStill = isStill() ? size : ''
  drawnAt = now
  swell += (wanted - swell) * 0.06
  if (backdrop.dataset.size !== size) paintBackdrop(width, height, size)
  context.drawImage(backdrop, 0, 0)
  drawFerry(now, width, height)
  drawSea(now, width, height)
  drawGlitter(now, width, height)
  drawLight(now, width, height)
})

/** What never moves is painted once per size. */
function paintBackdrop(width: number, height: number, size: string): void {
  backdrop.width = width
  backdrop.height = height
  backdrop.dataset.size = size
  const pen = backdrop.getContext('2d')
  if (!pen) return
  const horizon = height * HORIZON
  const sky = pen.createLinearGradient(0, 0, 0, horizon)
  sky.addColorStop(0, '#070d18')
  sky.addColorStop(0.55, '#12233a')
  sky.addColorStop(0.88, '#2c4257')
  sky.addColorStop(1, '#5a6168')
  pen.fillStyle = sky
  pen.fillRect(0, 0, width, horizon)
  const sea = pen.createLinearGradient(0, horizon, 0, height)
  sea.addColorStop(0, '#3a5061')
  sea.addColorStop(0.3, '#1c3449')
  sea.addColorStop(1, '#060c15')
  pen.fillStyle = sea
  pen.fillRect(0, horizon, width, height - horizon)
  paintStars(pen, width, horizon)
  paintMoon(pen, width * 0.3, horizon * 0.36, Math.min(width, height) * 0.045)
  paintLand(pen, width, horizon)
}

function paintStars(pen: CanvasRenderingContext2D, width: number, horizon: number): void {
  for (let star = 0; star < STARS; star++) {
    const x = fraction(star * 0.754_877) * width
    const y = fraction(star * 0.569_84) ** 1.5 * horizon * 0.8
    pen.fillStyle = `rgb(226 236 255 / ${0.15 + 0.6 * fraction(star * 0.38)})`
    pen.fillRect(x, y, star % 7 === 0 ? 2 : 1, star % 7 === 0 ? 2 : 1)
  }
}

function paintMoon(pen: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  const glow = pen.createRadialGradient(x, y, radius * 0.6, x, y, radius * 9)
  glow.addColorStop(0, 'rgb(236 232 214 / 0.34)')
  glow.addColorStop(0.25, 'rgb(198 210 226 / 0.1)')
  glow.addColorStop(1, 'rgb(198 210 226 / 0)')
  pen.fillStyle = glow
  pen.fillRect(x - radius * 9, y - radius * 9, radius * 18, radius * 18)
  pen.fillStyle = '#f3eedd'
  pen.beginPath()
  pen.arc(x, y, radius, 0, Math.PI * 2)
  pen.fill()
}

function paintLand(pen: CanvasRenderingContext2D, width: number, horizon: number): void {
  hills(pen, '#1a2c3d', width, horizon, x => 0.035 + 0.03 * Math.sin(x * 5 + 1) + 0.012 * Math.sin(x * 17))
  hills(
    pen,
    '#0c1825',
    width,
    horizon,
    x => Math.max(0, x - 0.66) * 0.42 + 0.01 * Math.sin(x * 40) * (x > 0.66 ? 1 : 0),
  )
  const { x, y, size } = lighthouse(width, horizon)
  pen.fillStyle = '#0c1825'
  pen.beginPath()
  pen.moveTo(x - size * 0.17, y + size * 1.5)
  pen.lineTo(x - size * 0.1, y)
  pen.lineTo(x + size * 0.1, y)
  pen.lineTo(x + size * 0.17, y + size * 1.5)
  pen.fill()
  pen.fillRect(x - size * 0.16, y - size * 0.02, size * 0.32, size * 0.06)
  pen.fillRect(x - size * 0.11, y - size * 0.24, size * 0.22, size * 0.08)
}

function hills(
  pen: CanvasRenderingContext2D,
  colour: string,
  width: number,
  horizon: number,
  heightAt: (x: number) => number,
): void {
  pen.fillStyle = colour
  pen.beginPath()
  pen.moveTo(0, horizon + 1)
  for (let x = 0; x <= width + 8; x += 8) pen.lineTo(x, horizon + 1 - heightAt(x / width) * horizon)
  pen.lineTo(width, horizon + 1)
  pen.fill()
}

function lighthouse(width: number, horizon: number): { readonly x: number; readonly y: number; readonly size: number } {
  const size = horizon * 0.2
  return { x: width * 0.87, y: horizon * 0.72 - size * 0.4, size }
}

function drawSea(now: number, width: number, height: number): void {
  const horizon = height * HORIZON
  for (let layer = 0; layer < 6; layer++) {
    const depth = (layer + 1) / 6
    const base = horizon + (height - horizon) * depth ** 1.7 * 0.86
    const high = (1.2 + depth * 15) * (0.25 + swell)
    const t = now / (900 + 500 * depth)
    context.fillStyle = `rgb(${26 - depth * 16} ${50 - depth * 28} ${72 - depth * 38} / 0.55)`
    context.strokeStyle = `rgb(168 202 222 / ${0.34 - depth * 0.2})`
    context.lineWidth = 0.75 + depth
    context.beginPath()
    for (let x = -12; x <= width + 12; x += 12) {
      const phase = (x / width) * (26 - depth * 17)
      context.lineTo(x, base + high * (0.6 * Math.sin(phase + t + layer) + 0.4 * Math.sin(phase * 2.3 - t * 1.4)))
    }
    context.stroke()
    context.lineTo(width + 12, height)
    context.lineTo(-12, height)
    context.fill()
  }
}

/** The moon on the water. */
function drawGlitter(now: number, width: number, height: number): void {
  const horizon = height * HORIZON
  for (let stroke = 0; stroke < 34; stroke++) {
    const depth = stroke / 34
    const y = horizon + 2 + (height - horizon) * depth ** 1.5 * 0.8
    const flicker = 0.5 + 0.5 * Math.sin(now / 240 + stroke * 2.4)
    const length = (3 + 30 * depth) * (0.4 + flicker * (0.4 + swell))
    const x = width * 0.3 + Math.sin(now / 700 + stroke * 1.9) * (2 + 22 * depth * (0.4 + swell))
    context.fillStyle = `rgb(243 236 214 / ${(0.5 - depth * 0.42) * flicker})`
    context.fillRect(x - length / 2, y, length, 1 + depth * 1.6)
  }
}

function drawLight(now: number, width: number, height: number): void {
  const { x, y: top, size } = lighthouse(width, height * HORIZON)
  const y = top - size * 0.1
  const angle = (now / TURN_MS) * Math.PI * 2
  const towards = Math.max(0, Math.sin(angle)) ** 6
  const reach = Math.cos(angle) * width
  context.globalCompositeOperation = 'lighter'
  const beam = context.createLinearGradient(x, y, x + reach, y)
  beam.addColorStop(0, 'rgb(255 236 190 / 0.3)')
  beam.addColorStop(1, 'rgb(255 236 190 / 0)')
  context.fillStyle = beam
  context.beginPath()
  context.moveTo(x, y)
  context.lineTo(x + reach, y - Math.abs(reach) * 0.05)
  context.lineTo(x + reach, y + Math.abs(reach) * 0.05)
  context.fill()
  const radius = size * (0.3 + 2.2 * towards)
  const glow = context.createRadialGradient(x, y, 0, x, y, radius)
  glow.addColorStop(0, `rgb(255 244 214 / ${0.75 + 0.25 * towards})`)
  glow.addColorStop(0.2, 'rgb(255 226 170 / 0.3)')
  glow.addColorStop(1, 'rgb(255 226 170 / 0)')
  context.fillStyle = glow
  context.fillRect(x - radius, y - radius, radius * 2, radius * 2)
  context.globalCompositeOperation = 'source-over'
}

/** Crosses in two minutes. */
function drawFerry(now: number, width: number, height: number): void {
  const unit = Math.max(3, height * 0.011)
  const x = (((now / 120_000 + 0.42) % 1.2) - 0.1) * width
  const y = height * HORIZON - unit * 0.6 + Math.sin(now / 1_600) * swell
  context.fillStyle = '#0a1420'
  context.fillRect(x - unit * 5, y - unit, unit * 10, unit * 1.6)
  context.fillRect(x - unit * 3.4, y - unit * 2, unit * 6, unit * 1.2)
  context.fillStyle = '#ffd58a'
  for (let light = -4; light <= 4; light++) context.fillRect(x + light * unit, y - unit * 0.6, 1.5, 1.5)
}

function fraction(value: number): number {
  return value - Math.floor(value)
}
