import type { Growth, Point } from '../measure/growth.ts'
import { FLOOR } from '../subjects.ts'
import { type Figure, spreadOf } from './table.ts'

const [WIDTH, HEIGHT] = [480, 240]
const LEFT = 56
const BOTTOM = 44
const TOP = 36
const RIGHT = 24

const COLOURS = { floor: '#aaa', other: '#0a7' }

interface Drawn extends Figure {
  readonly much: number
}

/**
 * A plot as SVG, of ratios to the first point of each line: logarithmic to the right, and upwards from 0, or logarithmic
 * where the cost has to grow.
 */
export function plotOf({ title, unit, lines }: Growth): string {
  const drawn = lines.map(({ subject, points }) => ({ subject, points: ratiosOf(points) }))
  const all = drawn.flatMap(({ points }) => points)
  const most = Math.max(1, ...all.map(each => each.most))
  const isSteep = most > 16
  const widest = all.map(({ much }) => much).sort((a, b) => a - b)
  const [from, to] = [widest[0] ?? 1, widest.at(-1) ?? 10]
  const x = (much: number) => LEFT + ((WIDTH - LEFT - RIGHT) * Math.log(much / from)) / Math.log(to / from || 10)
  const share = (ratio: number) => (isSteep ? Math.log(ratio * 2) / Math.log(most * 4) : ratio / (most * 1.3))
  const y = (ratio: number) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share(ratio)
  const base = HEIGHT - BOTTOM

  const ticks = [...new Set(widest)].map(much => text(x(much), base + 16, much.toLocaleString('en')))
  const curves = drawn.map(({ subject, points }) => {
    const colour = subject === FLOOR ? COLOURS.floor : COLOURS.other
    const at = ({ much, median }: Drawn) => `${x(much).toFixed(1)},${y(median).toFixed(1)}`
    const marks = points.map(point => {
      const [cx, cy] = [x(point.much), y(point.median)]
      return `  <path d="M${cx.toFixed(1)} ${y(point.least).toFixed(1)}V${y(point.most).toFixed(1)}" stroke="${colour}"/>
  <circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="3.5" fill="${colour}"/>${
    subject === FLOOR ? '' : `\n${text(cx, y(point.most) - 7, figure(point.median))}`
  }`
    })
    return `  <polyline points="${points.map(at).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>\n${marks.join('\n')}`
  })

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11" fill="#555">
  <title>${title}: CPU of the server</title>
  <rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
  <text x="${LEFT - 32}" y="18" font-size="13" font-weight="bold" fill="#222">${title}: CPU of the server</text>
  <path d="M${LEFT - 16} ${TOP}V${base}H${WIDTH - 8}" fill="none" stroke="#bbb"/>
${curves.join('\n')}
${ticks.join('\n')}
${text((LEFT + WIDTH) / 2, HEIGHT - 8, unit)}
</svg>
`
}

function ratiosOf(points: readonly Point[]): Drawn[] {
  const first = spreadOf(points[0]?.cpu ?? []).median
  return points.map(({ much, cpu }) => ({ much, ...spreadOf(cpu.map(each => each / first)) }))
}

function text(x: number, y: number, what: string): string {
  return `  <text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="middle">${what}</text>`
}

function figure(ratio: number): string {
  return ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0)
}
