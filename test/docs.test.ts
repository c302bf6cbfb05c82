import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { pages, root } from './support/pages.ts'
import { mistakesIn, snippetsOf, writeSnippets } from './support/snippets.ts'

const snippets = pages().flatMap(page => snippetsOf(page))

describe('the TypeScript on our pages', () => {
  beforeAll(() => writeSnippets(snippets))

  test('type-checks', { timeout: 60_000 }, () => {
    expect(mistakesIn(snippets)).toEqual([])
  })

  for (const { page, path } of snippets.filter(snippet => snippet.runs)) {
    test(`runs: ${page}`, { timeout: 30_000 }, async () => {
      const args = ['--conditions=@tautline/source', '--import', 'tsx', path]
      const env = { ...process.env, PORT: '0' }
      await promisify(execFile)(process.execPath, args, { cwd: root, env, timeout: 20_000 })
    })
  }
})

test.each(pages())('every relative link on %s leads to a file', page => {
  const text = readFileSync(join(root, page), 'utf8').replace(/^```.*?^```$/gms, '')
  const targets = Array.from(text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g), ([, target = '']) => target)
  expect(targets.filter(target => !existsSync(join(root, dirname(page), target)))).toEqual([])
})

describe('a page that is wrong', () => {
  const lines = [
    '# Page',
    '```ts file=a.ts',
    'export const a = 1',
    '```',
    '<!--ts file=b.ts run',
    "import { a } from './a.ts'",
    '-->',
  ]

  test('is found out at its own line', () => {
    const wrong = snippetsOf('wrong.md', [...lines, '```ts file=b.ts', 'a.length', '```'].join('\n'))
    writeSnippets(wrong)
    expect(mistakesIn(wrong)).toEqual([expect.stringMatching(/^wrong\.md:9 .*length/)])
    expect(wrong.map(snippet => snippet.runs)).toEqual([false, true])
  })
})
