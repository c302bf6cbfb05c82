/** An element of the page that must be there, and be what it is taken for. */
export function byId<E extends Element>(id: string, type: new () => E): E {
  const found = document.getElementById(id)
  if (found instanceof type) return found
  throw new TypeError(`#${id} is not on the page`)
}

/** A new element with a class and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  made.className = className
  made.append(...children)
  return made
}

/** One of the page's icons. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  svg.classList.add('icon')
  svg.setAttribute('aria-hidden', 'true')
  use.setAttribute('href', `#icon-${name}`)
  svg.append(use)
  return svg
}

/** Keeps a canvas as sharp as it is shown, up to a limit; answers what to draw with. */
export function drawingOn(canvas: HTMLCanvasElement, sharpest = 2): CanvasRenderingContext2D {
  const context = canvas.getContext('2d')
  if (!context) throw new TypeError('this browser does not draw')
  new ResizeObserver(() => {
    const scale = Math.min(devicePixelRatio, sharpest)
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale))
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale))
    context.setTransform(scale, 0, 0, scale, 0, 0)
  }).observe(canvas)
  return context
}

/** The custom properties of an element as they are for the colours of the day, looked up once for each. */
export function inksOf(styled: Element, ...names: readonly string[]): () => readonly string[] {
  let inks: readonly string[] | undefined
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    inks = undefined
  })
  return () => {
    inks ??= names.map(name => resolved(styled, name))
    return inks
  }
}

/** A canvas knows no `light-dark()`: the browser says what it comes to. */
function resolved(styled: Element, name: string): string {
  const probe = element('span', '')
  probe.style.color = `var(${name})`
  styled.parentElement?.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

/** Whether this person asked for things not to move. */
const reduced = matchMedia('(prefers-reduced-motion: reduce)')

export function isStill(): boolean {
  return reduced.matches
}

/** Calls `draw` before every frame while the page is seen, with the time in ms and since the last one. */
export function onFrame(draw: (now: number, passed: number) => void): void {
  let last = performance.now()
  const frame = (now: number): void => {
    draw(now, Math.min(100, now - last))
    last = now
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}
