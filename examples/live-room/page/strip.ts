import { drawingOn, inksOf } from './dom.ts'

const BAR_PX = 6
const MOST_BARS = 600

/** Whether a beat came, and how high it was; `'lost'` when a later one came without it. */
type Bar = number | 'lost'

/** A lane's beats as bars, the newest at the right end. A beat that was lost leaves a hole that can be seen. */
export class Strip {
  readonly #canvas: HTMLCanvasElement
  readonly #context: CanvasRenderingContext2D
  readonly #inks: () => readonly string[]
  readonly #bars = new Map<number, Bar>()

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas
    this.#context = drawingOn(canvas)
    this.#inks = inksOf(canvas, '--came', '--lost', '--silent')
  }

  set(seq: number, bar: Bar): void {
    this.#bars.set(seq, bar)
    const [oldest] = this.#bars.keys()
    if (this.#bars.size > MOST_BARS && oldest !== undefined) this.#bars.delete(oldest)
  }

  /** Draws with the beat `edge` at the right end; fractions let it glide. */
  draw(edge: number): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas
    const pen = this.#context
    const [came = '', lost = '', silent = ''] = this.#inks()
    pen.clearRect(0, 0, width, height)
    for (let seq = Math.floor(edge); seq > edge - width / BAR_PX - 1; seq--) {
      const x = width - (edge - seq + 1) * BAR_PX
      const bar = this.#bars.get(seq)
      if (bar === 'lost') {
        pen.fillStyle = lost
        pen.fillRect(x, height * 0.12, BAR_PX - 1, height * 0.76)
      } else {
        const high = bar === undefined ? 1.5 : Math.max(2, bar * height * 0.92)
        pen.fillStyle = bar === undefined ? silent : came
        pen.beginPath()
        pen.roundRect(x, (height - high) / 2, BAR_PX - 2.5, high, 1.5)
        pen.fill()
      }
    }
  }
}
