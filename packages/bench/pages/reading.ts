/** What every page does with the messages of a topic: it shows the newest, once in a frame. */

/** What a page found out about itself while messages came. */
export interface Reading {
  readonly messages: number
  /** Times between frames, in ms. */
  readonly frames: readonly number[]
  /** Tasks of more than 50 ms. */
  readonly longTasks: number
}

declare global {
  interface Window {
    /** Forgets what was until now. */
    begin(): void
    /** What was since then. */
    reading(): Reading
  }
}

let messages = 0
let text = ''
let frames: number[] = []
let longTasks = 0
let last = performance.now()

new PerformanceObserver(list => {
  longTasks += list.getEntries().length
}).observe({ type: 'longtask' })

requestAnimationFrame(function draw(now) {
  frames.push(now - last)
  last = now
  document.body.textContent = `${messages} ${text}`
  requestAnimationFrame(draw)
})

/** Takes a message. */
export function read(message: { readonly text: string }): void {
  messages += 1
  text = message.text
}

window.begin = () => {
  messages = 0
  frames = []
  longTasks = 0
}

window.reading = () => ({ messages, frames, longTasks })
