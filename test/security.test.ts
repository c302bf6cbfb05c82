import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { guards } from '../scripts/guards/list.ts'
import { root } from './support/pages.ts'
import { hasGroup, hasTest } from './support/titles.ts'

const page = 'docs/guide/security.md'
const [, threats = ''] = readFileSync(join(root, page), 'utf8').split('## Threats')
const rows = new Map(
  Array.from(threats.matchAll(/^\| (\d+) \|.*$/gm), ([row, number]) => [
    Number(number),
    Array.from(row.matchAll(/\[([^\]]+)\]\(((?:\.\.\/)+\S+\.test\.ts)\)/g), ([, title = '', path = '']) => ({
      title,
      file: join(dirname(page), path),
    })),
  ]),
)

describe('the threats of the guide', () => {
  test('are all there, each once', () => {
    expect([...rows.keys()]).toEqual(Array.from({ length: 52 }, (_, n) => n + 1))
  })

  test.each([...rows])('name tests that exist: %i', (_, tests) => {
    expect(tests.filter(({ file, title }) => !hasTest(file, title) && !hasGroup(file, title))).toEqual([])
  })

  test('have a test each, but for those that only you can meet', () => {
    const without = [...rows].flatMap(([number, tests]) => (tests.length > 0 ? [] : [number]))
    expect(without).toEqual([26])
  })

  test('name the test of every guard', () => {
    const missing = guards.filter(guard => !rows.get(guard.row)?.some(({ file }) => file === guard.test))
    expect(missing.map(({ row, does, test }) => `${row} ${does}: ${test}`)).toEqual([])
  })
})
