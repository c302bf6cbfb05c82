import { cpus, loadavg } from 'node:os'
import type { EngineSubject } from '../engines.ts'
import type { EngineRow } from '../measure/engine.ts'
import { medianOf } from './table.ts'

/** Rows of all rounds, by what was measured. */
export type EngineFindings = ReadonlyMap<EngineSubject, readonly EngineRow[]>

const [BEGIN, END] = ['<!-- engines: written by npm run bench -- --engine -->', '<!-- engines: end -->']
const HEAD = `| | p50 | p99 | CPU, one by one | CPU, many at once | CPU of the engine | bytes at the engine |
|---|--:|--:|--:|--:|--:|--:|`
const COLUMNS = ['p50', 'p99', 'one', 'many', 'engine', 'bytes'] as const
const SHIPPED = ['p50', 'one', 'many', 'bytes'] as const

/** A page with this section about engines, in the place of the one that it had. */
export function withEngines(page: string, section = ''): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin >= 0 && end > begin) return page.slice(0, begin) + section + page.slice(end + END.length)
  const method = page.indexOf('\n## Method\n')
  if (section === '' || method < 0) return page
  return `${page.slice(0, method + 1)}${section}\n${page.slice(method)}`
}

/** The section of a page about engines, which is measured by itself. */
export function enginesOf(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  return begin >= 0 && end > begin ? page.slice(begin, end + END.length) : ''
}

/** What was found out, as a section of `docs/benchmarks.md`. */
export function engineSection(found: EngineFindings, rounds: number): string {
  return `${BEGIN}
## From one server to another

What is published on one node reaches a client of another one, by an engine. Each figure is a ratio to driving the engine
by hand, in the same round: with the engine's client, \`ws\` and \`@msgpack/msgpack\`, nothing checked. By hand the figures are
absolute: µs, and bytes; below stands what is compared with it.

${engineTable(found)}

${standings(found)}

- *p50, p99*: one publication after the other, from \`publish\` in one process until a client in another one has it. *CPU, one
  by one* is that of both nodes together, of one publication at a time; *many at once*, of 64 in one tick. *CPU* and
  *bytes of the engine*: per publication, in and out, when many come at once.
- *Names* by hand are as short as where there are more topics and rooms than one: \`chat:{rooms.feed.lobby}:log\` on Redis,
  where ours is \`tautline:{rooms.feed.gaRyb29tpWxvYmJ5}:log\`, and \`bench.f.lobby\` on NATS. Bytes are mostly names.
- ${rounds} rounds, each with an engine and two nodes afresh, warmed by both; in a round all take turns, six each, to and fro, of which
  the median counts; of rounds the median, too. ${cpus().length} cores, Node ${process.versions.node}, load average over 5 minutes ${(loadavg()[1] ?? 0).toFixed(1)}.

| | what it is |
|---|---|
${[...found.keys()].map(({ name, note }) => `| ${name} | ${note} |`).join('\n')}
${END}
`.trimEnd()
}

/** What was found out, as a table in Markdown. */
export function engineTable(found: EngineFindings): string {
  const lines = [...found.keys()].map(subject => {
    const cells = COLUMNS.map(column => {
      const figure = figureOf(found, subject, column)
      return isFloor(subject) ? figure.toFixed(0) : figure.toFixed(2)
    })
    return `| ${subject.name} | ${cells.join(' | ')} |`
  })
  return [HEAD, ...lines].join('\n')
}

function standings(found: EngineFindings): string {
  const lines = [...found.keys()].flatMap(subject => {
    if (subject.ship === undefined) return []
    const cells = SHIPPED.map(column => figureOf(found, subject, column).toFixed(2)).join(' | ')
    return [`| ${subject.name} | ${subject.ship.toFixed(2)} | ${cells} |`]
  })
  const head =
    '| | shall be at most | p50 | CPU, one by one | CPU, many at once | bytes at the engine |\n|---|--:|--:|--:|--:|--:|'
  return [head, ...lines].join('\n')
}

/** The median over rounds: of the figure, or of its ratio to that of the floor. */
function figureOf(found: EngineFindings, subject: EngineSubject, column: keyof EngineRow): number {
  const floors = [...found].find(([{ engine, name }]) => engine === subject.engine && name === subject.floor)?.[1] ?? []
  const figures = (found.get(subject) ?? []).map((row, round) =>
    isFloor(subject) ? row[column] : row[column] / (floors[round]?.[column] ?? Number.NaN),
  )
  return medianOf(figures.filter(figure => !Number.isNaN(figure)))
}

function isFloor({ name, floor }: EngineSubject): boolean {
  return name === floor
}
