import { drawingOn, inksOf, isStill, onFrame } from './dom.ts'

const END_PX = 7
const FALL_MS = 380
const TIE_MS = 260

/** A string between you and the server. It hums with what comes along it, and hangs down where it was cut. */
export class TautString {
  readonly #canvas: HTMLCanvasElement
  readonly #context: CanvasRenderingContext2D
  readonly #inks: () => readonly string[]
  #hum = 0
  /** 0 is taut, 1 is cut. */
  #slack = 1
  #tied = false

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas
    this.#context = drawingOn(canvas)
    this.#inks = inksOf(canvas, '--came', '--lost')
    onFrame((now, passed) => this.#draw(now, passed))
  }

  pluck(strength: number): void {
    this.#hum = Math.min(1, this.#hum + strength)
  }

  set tied(tied: boolean) {
    if (tied && !this.#tied) this.#hum = 1
    this.#tied = tied
  }

  #draw(now: number, passed: number): void {
    const goal = this.#tied ? 0 : 1
    const step = passed / (this.#tied ? TIE_MS : FALL_MS)
    this.#slack = isStill() ? goal : this.#slack + Math.max(-step, Math.min(step, goal - this.#slack))
    this.#hum *= 0.94 ** (passed / 16)

    const { clientWidth: width, clientHeight: height } = this.#canvas
    const pen = this.#context
    const [came = '', lost = ''] = this.#inks()
    pen.clearRect(0, 0, width, height)
    pen.lineWidth = 2
    pen.lineCap = 'round'
    pen.strokeStyle = this.#slack > 0 ? lost : came
    pen.fillStyle = pen.strokeStyle
    const y = this.#slack > 0 ? height * 0.32 : height / 2
    if (this.#slack > 0) this.#drawCut(width, height * 0.32, height)
    else this.#drawTaut(now, width, height)
    for (const x of [END_PX, width - END_PX]) {
      pen.beginPath()
      pen.arc(x, y, END_PX - 2, 0, Math.PI * 2)
      pen.fill()
    }
  }

  #drawTaut(now: number, width: number, height: number): void {
    const pen = this.#context
    const high = isStill() ? 0 : this.#hum * height * 0.3
    pen.beginPath()
    for (let x = END_PX; x <= width - END_PX; x += 3) {
      const part = (x - END_PX) / (width - 2 * END_PX)
      const wave =
        Math.sin(part * Math.PI * 3) * Math.sin(now / 19) + 0.5 * Math.sin(part * Math.PI * 7) * Math.sin(now / 11)
      pen.lineTo(x, height / 2 + high * wave * Math.sin(part * Math.PI))
    }
    pen.stroke()
  }

  #drawCut(width: number, y: number, height: number): void {
    const pen = this.#context
    const fall = this.#slack ** 2
    const gap = width * 0.5 - this.#slack * width * 0.16
    for (const [from, to] of [
      [END_PX, gap],
      [width - END_PX, width - gap],
    ] as const) {
      pen.beginPath()
      pen.moveTo(from, y)
      pen.quadraticCurveTo(from + (to - from) * 0.55, y + fall * height * 0.2, to, y + fall * (height * 0.6))
      pen.stroke()
    }
  }
}
