import type { Growth } from '../measure/growth.ts'

const [WIDTH, HEIGHT] = [480, 240]
const LEFT = 56
const BOTTOM = 44
const TOP = 36
const RIGHT = 24

/** A plot as SVG: logarithmic to the right, and upwards from 0 in µs, or logarithmic where the cost has to grow. */
export function plotOf({ title, unit, points }: Growth): string {
  const most = Math.max(...points.map(([, cpu]) => cpu))
  const least = Math.min(...points.map(([, cpu]) => cpu))
  const isSteep = most / least > 16
  const [from, to] = [points[0]?.[0] ?? 1, points.at(-1)?.[0] ?? 10]
  const x = (much: number) => LEFT + ((WIDTH - LEFT - RIGHT) * Math.log(much / from)) / Math.log(to / from)
  const share = (cpu: number) =>
    isSteep ? Math.log(cpu / (least / 2)) / Math.log((most * 2) / (least / 2)) : cpu / (most * 1.3)
  const y = (cpu: number) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share(cpu)
  const line = points.map(([much, cpu]) => `${x(much).toFixed(1)},${y(cpu).toFixed(1)}`).join(' ')
  const base = HEIGHT - BOTTOM
  const dots = points.map(
    ([much, cpu]) => `  <circle cx="${x(much).toFixed(1)}" cy="${y(cpu).toFixed(1)}" r="3.5" fill="#0a7"/>
  <text x="${x(much).toFixed(1)}" y="${(y(cpu) - 9).toFixed(1)}" text-anchor="middle">${figure(cpu)}</text>
  <text x="${x(much).toFixed(1)}" y="${base + 16}" text-anchor="middle">${much.toLocaleString('en')}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11" fill="#555">
  <title>${title}: µs of CPU</title>
  <rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
  <text x="${LEFT - 32}" y="18" font-size="13" font-weight="bold" fill="#222">${title}: µs of CPU</text>
  <path d="M${LEFT - 16} ${TOP}V${base}H${WIDTH - 8}" fill="none" stroke="#bbb"/>
  <polyline points="${line}" fill="none" stroke="#0a7" stroke-width="2"/>
${dots.join('\n')}
  <text x="${(LEFT + WIDTH) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${unit}</text>
</svg>
`
}

function figure(cpu: number): string {
  return cpu < 10 ? cpu.toFixed(1) : cpu.toFixed(0)
}
