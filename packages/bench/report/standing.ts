import type { Column } from '../measure/steps.ts'
import { FLOOR, TAUTLINE } from '../subjects.ts'
import { type Figure, figureOf, type Measured, withSpread } from './table.ts'

/** What Tautline shall cost at most, as a ratio to the floor, and what it aims at. */
const MARKS: readonly (readonly [what: string, column: Column, ship: number, goal?: number])[] = [
  ['calls, 1 × 64', 'calls1x64', 0.45, 0.3],
  ['calls, 100 × 4', 'calls100x4', 0.65, 0.48],
  ['fan-out, one publication at a time', 'one', 1, 0.85],
  ['fan-out, four at a time', 'four', 0.55, 0.4],
  ['stream items', 'stream', 0.35, 0.2],
  ['connect and first call', 'connect', 1.4, 1.15],
  ['latency of a lone call, p50', 'p50', 1.15],
  ['1 MiB binary echo', 'echo', 1.1],
]

/** The most that an idle connection shall hold beyond the floor's, in KiB. */
const MEMORY = { ship: 6, goal: 3 }

/** Tautline beside what it shall reach. */
export function standingOf(measured: Measured): string {
  const lines = MARKS.map(([what, column, ship, goal]) => {
    const figure = figureOf(measured, TAUTLINE.name, column)
    return lineOf(what, figure, ship, goal, value => value.toFixed(2))
  })
  const memory = lineOf(
    "memory of an idle connection, beyond the floor's",
    beyondFloor(measured, 'memory', 1_024),
    MEMORY.ship,
    MEMORY.goal,
    value => `${value.toFixed(1)} KiB`,
  )
  const [up, down] = [beyondFloor(measured, 'up', 1), beyondFloor(measured, 'down', 1)]
  const bytes = lineOf(
    "bytes of a small call over TCP, there and back, beyond the floor's",
    { median: up.median + down.median, least: up.least + down.least, most: up.most + down.most },
    0,
    undefined,
    value => value.toFixed(1),
  )
  return `| | shall be at most | aims at | is | |
|---|--:|--:|--:|---|
${[...lines, memory, bytes].join('\n')}`
}

function lineOf(
  what: string,
  figure: Figure,
  ship: number,
  goal: number | undefined,
  written: (value: number) => string,
): string {
  // As it is written, so that nobody sees 0.45 beside 0.45 and a failure.
  const isMet = Number.parseFloat(written(figure.median)) <= ship
  const verdict = Number.isNaN(figure.median) ? '' : isMet ? 'met' : '**missed**'
  const aim = goal === undefined ? '' : written(goal)
  return `| ${what} | ${written(ship)} | ${aim} | ${withSpread(figure, written)} | ${verdict} |`
}

/** How much more than the floor it is, in some unit. */
function beyondFloor(measured: Measured, column: Column, unit: number): Figure {
  const floor = figureOf(measured, FLOOR.name, column).median
  const { median, least, most } = figureOf(measured, TAUTLINE.name, column)
  return { median: (median - floor) / unit, least: (least - floor) / unit, most: (most - floor) / unit }
}
