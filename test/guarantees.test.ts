import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { settingsOf } from '../packages/client/src/options.ts'
import { limitsOf } from '../packages/server/src/limits.ts'
import { root } from './support/pages.ts'
import { hasTest } from './support/titles.ts'

const page = 'docs/guarantees.md'
const text = readFileSync(join(root, page), 'utf8')

describe('docs/guarantees.md', () => {
  const links = Array.from(
    text.matchAll(/\[([^\]]+)\]\((\.\.\/\S+(?:\.test|-suite)\.ts)\)/g),
    ([, name = '', path = '']) => {
      return { name: name.replace(/\s+/g, ' '), file: join(dirname(page), path) }
    },
  ).filter(({ name }) => name !== 'tested')

  test.each(links)('names a test that exists: $name', ({ name, file }) => {
    expect(hasTest(file, name), `a test of that name in ${file}`).toBe(true)
  })

  test('names tests for every promise', () => {
    const promises = text.split('## Limits')[0]?.split('\n- ').slice(1) ?? []
    expect(promises.length).toBeGreaterThan(20)
    expect(promises.filter(promise => !promise.includes('.test.ts)'))).toEqual([])
  })

  test('has every limit of the server, with its default', () => {
    expect(tableUnder('### Of the server')).toEqual(shown({ ...limitsOf() }))
  })

  test('has every limit of the client, with its default', () => {
    const { limits, timeout, connectTimeout } = settingsOf({ url: '/live' })
    expect(tableUnder('### Of the client')).toEqual(shown({ ...limits }))
    expect(text).toContain(`\`timeout\` is ${inWords('timeoutMs', timeout)}`)
    expect(text).toContain(`\`connectTimeout\` ${inWords('timeoutMs', connectTimeout)}`)
  })

  test('has the defaults of memory()', () => {
    const source = readFileSync(join(root, 'packages/server/src/memory.ts'), 'utf8')
    expect(source).toMatch(/channelBytes = 16 \* MiB, totalBytes = 512 \* MiB/)
    expect(text).toMatch(/`channelBytes`, 16 MiB .*`totalBytes`, 512 MiB/s)
  })

  test('says of every limit what holds it', () => {
    const rows = text.split('\n').filter(line => /^\| (`|\d)/.test(line))
    expect(rows.filter(row => !/(\.test|-suite)\.ts\)/.test(row))).toEqual([])
  })
})

/** Of the first table after a heading: what stands in backticks in its first column, with its second one. */
function tableUnder(heading: string): Record<string, string> {
  const section = text.split(heading)[1]?.split('\n#')[0] ?? ''
  return Object.fromEntries(
    Array.from(section.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm), ([, name, value]) => [name, value]),
  )
}

function shown(limits: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, inWords(name, value)]))
}

function inWords(name: string, value: number): string {
  const units: readonly (readonly [number, string])[] = /bytes$|^window$/i.test(name)
    ? [
        [1_048_576, 'MiB'],
        [1_024, 'KiB'],
      ]
    : [
        [3_600_000, 'h'],
        [60_000, 'min'],
        [1_000, 's'],
      ]
  const unit = /bytes$|^window$|Ms$/i.test(name) ? units.find(([size]) => value % size === 0) : undefined
  return unit ? `${value / unit[0]} ${unit[1]}` : value.toLocaleString('en')
}
