import { medianOf } from '../report/table.ts'

/** The order of a turn, counted from 0: a machine has its moods, so that whoever was last in one is first in the next. */
export function toAndFro<T>(all: readonly T[], turn: number): readonly T[] {
  return turn % 2 === 0 ? all : all.toReversed()
}

/** What all turns come to: in each column the median. */
export function medianRowOf<Row extends { readonly [Column in keyof Row]?: number }>(rows: readonly Row[]): Row {
  const columns = Object.keys(rows[0] ?? {}) as (keyof Row)[]
  return Object.fromEntries(
    columns.map(column => [column, medianOf(rows.map(row => row[column] ?? Number.NaN))]),
  ) as Row
}
