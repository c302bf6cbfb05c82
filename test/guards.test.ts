import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allGuards } from '../scripts/guards/all.ts'
import { root } from './support/pages.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')

test.each([...new Set(allGuards.map(({ file }) => file))])('every guard of %s stands there, to be removed', file => {
  const source = read(file)
  const missing = allGuards.filter(({ find, everywhere, ...guard }) => {
    const times = source.split(find).length - 1
    return guard.file === file && (everywhere ? times < 2 : times !== 1)
  })
  expect(missing.map(({ does }) => does)).toEqual([])
})

test('every guard has a test that exists', () => {
  const missing = allGuards.filter(
    ({ test, name, suite }) => !existsSync(join(root, test)) || !read(suite ?? test).includes(name ?? ''),
  )
  expect(missing.map(({ does, name }) => `${does}: ${name}`)).toEqual([])
})
