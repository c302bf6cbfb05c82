import { IDLE, type PageCost, RATE, READERS } from '../measure/browser.ts'
import type { Findings } from './findings.ts'
import { type Figure, spreadOf, withSpread } from './table.ts'

/** What messages cost a page. */
export function pagesOf(pages: Findings['pages']): string {
  if (pages.size === 0) return 'Not measured: there was no Chromium (`BENCH_CHROMIUM` says where it is).'
  const [floor = IDLE] = READERS
  const rows = [...pages].map(([reader, costs]) => {
    const ratios = costs.map(({ cpu }, round) => cpu / (pages.get(floor)?.[round]?.cpu ?? Number.NaN))
    const figures = [
      reader === IDLE ? '–' : withSpread(spreadOf(ratios), value => value.toFixed(2)),
      of(costs, 'busy', percent),
      of(costs, 'late', percent),
      of(costs, 'longest', value => `${value.toFixed(0)} ms`),
      of(costs, 'longTasks', value => value.toFixed(0)),
    ]
    return `| ${reader.name} | ${figures.join(' | ')} |`
  })
  return `Chromium, headless: one page that is sent ${RATE.toLocaleString('en')} messages a second, each of which it must get, and shows the newest
once in a frame. CPU of its main thread for each message as a ratio to a page written by hand, the share of
the time in which the thread was busy, the share of frames that came late (a frame was missed: more than 25 ms after
the one before), the longest time between two frames, and tasks of more than 50 ms. The first line is what the machine does to a page by itself.

| | CPU per message | busy | late frames | longest | long tasks |
|---|--:|--:|--:|--:|--:|
${rows.join('\n')}`
}

function of(costs: readonly PageCost[], key: keyof PageCost, written: (value: number) => string): string {
  const figure: Figure = spreadOf(costs.map(cost => cost[key]))
  return withSpread(figure, written)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
}
