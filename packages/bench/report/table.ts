import { COLUMNS, type Column, type Row } from '../measure/steps.ts'
import { FLOOR, type Subject } from '../subjects.ts'

const TITLES: Readonly<Record<Column, string>> = {
  calls1x64: 'calls, 1 × 64',
  calls100x4: 'calls, 100 × 4',
  one: 'fan-out, one',
  four: 'fan-out, four',
  stream: 'stream items',
  connect: 'connect + call',
  memory: 'KiB per idle connection',
  p50: 'p50',
  p99: 'p99, by the floor’s p50',
  up: 'bytes up',
  down: 'bytes down',
  echo: '1 MiB echo',
  busy1x64: 'server, 1 × 64',
  load1x64: 'load, 1 × 64',
  busy100x4: 'server, 100 × 4',
  load100x4: 'load, 100 × 4',
  busyStream: 'server, streams',
  loadStream: 'load, streams',
}

const ABSOLUTE: readonly Column[] = ['memory', 'up', 'down']
const SHARES: readonly Column[] = ['busy1x64', 'load1x64', 'busy100x4', 'load100x4', 'busyStream', 'loadStream']

/** All rows of the table, by who was measured. */
export type Measured = ReadonlyMap<Subject, readonly Row[]>

/** A median, and how far rounds were apart. */
export interface Figure {
  readonly median: number
  readonly least: number
  readonly most: number
}

/**
 * Everything that was measured, as a table in Markdown: ratios to the floor of the same round, the median of rounds.
 *
 * @param hasSpread - whether the least and the most of all rounds stand below it.
 */
export function tableOf(measured: Measured, columns: readonly Column[] = COLUMNS, hasSpread = false): string {
  const head = `| | ${columns.map(column => TITLES[column]).join(' | ')} |\n|---|${'--:|'.repeat(columns.length)}`
  const lines = [...measured.keys()].map(({ name }) => {
    const cells = columns.map(column => cellOf(figureOf(measured, name, column), column, hasSpread))
    return `| ${name} | ${cells.join(' | ')} |`
  })
  return [head, ...lines].join('\n')
}

/** Of the ratio to the floor over all rounds, or of the figure itself where that says more. */
export function figureOf(measured: Measured, name: string, column: Column): Figure {
  const rowsOf = (wanted: string) => [...measured].find(([subject]) => subject.name === wanted)?.[1] ?? []
  const floors = rowsOf(FLOOR.name)
  const figures = rowsOf(name).map((row, round) => {
    const figure = row[column] ?? Number.NaN
    // The floor's p99 is the machine's mood.
    const floor = floors[round]?.[column === 'p99' ? 'p50' : column]
    return ABSOLUTE.includes(column) || SHARES.includes(column) ? figure : figure / (floor ?? Number.NaN)
  })
  return spreadOf(figures)
}

/** Of those that are numbers; `NaN` where none is. */
export function spreadOf(figures: readonly number[]): Figure {
  const sorted = figures.filter(figure => !Number.isNaN(figure)).sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return { median: (low + high) / 2, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN }
}

export function medianOf(figures: readonly number[]): number {
  return spreadOf(figures).median
}

/** A figure with what it was at least and at most below it, unless they look the same. */
export function withSpread({ median, least, most }: Figure, written: (figure: number) => string): string {
  if (Number.isNaN(median)) return '–'
  if (written(least) === written(most)) return written(median)
  return `${written(median)}<br><sub>${written(least)} to ${written(most)}</sub>`
}

function cellOf(figure: Figure, column: Column, hasSpread: boolean): string {
  const written = (value: number): string => {
    if (column === 'memory') return (value / 1_024).toFixed(1)
    if (SHARES.includes(column)) return `${(value * 100).toFixed(0)} %`
    return value.toFixed(ABSOLUTE.includes(column) ? 0 : 2)
  }
  if (hasSpread) return withSpread(figure, written)
  return Number.isNaN(figure.median) ? '–' : written(figure.median)
}
