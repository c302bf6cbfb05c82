import { COLUMNS, type Column, type Row } from '../measure/all.ts'
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
}

const ABSOLUTE: readonly Column[] = ['memory', 'up', 'down']

/** Everything that was measured, as a table in Markdown: ratios to the floor of the same round, the median of rounds. */
export function tableOf(measured: ReadonlyMap<Subject, readonly Row[]>, columns: readonly Column[] = COLUMNS): string {
  const head = `| | ${columns.map(column => TITLES[column]).join(' | ')} |\n|---|${'--:|'.repeat(columns.length)}`
  const lines = [...measured.keys()].map(({ name }) => {
    const cells = columns.map(column => cellOf(measured, name, column))
    return `| ${name} | ${cells.join(' | ')} |`
  })
  return [head, ...lines].join('\n')
}

/** The median over rounds: of the ratio to the floor, or of the figure itself where that says more. */
export function figureOf(measured: ReadonlyMap<Subject, readonly Row[]>, name: string, column: Column): number {
  const rowsOf = (wanted: string) => [...measured].find(([subject]) => subject.name === wanted)?.[1] ?? []
  const floors = rowsOf(FLOOR.name)
  const figures = rowsOf(name).map((row, round) => {
    const figure = row[column] ?? Number.NaN
    // The floor's p99 is the machine's mood.
    const floor = floors[round]?.[column === 'p99' ? 'p50' : column]
    return ABSOLUTE.includes(column) ? figure : figure / (floor ?? Number.NaN)
  })
  return medianOf(figures.filter(figure => !Number.isNaN(figure)))
}

export function medianOf(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

function cellOf(measured: ReadonlyMap<Subject, readonly Row[]>, name: string, column: Column): string {
  const figure = figureOf(measured, name, column)
  if (Number.isNaN(figure)) return '–'
  if (column === 'memory') return (figure / 1_024).toFixed(1)
  return ABSOLUTE.includes(column) ? figure.toFixed(0) : figure.toFixed(2)
}
