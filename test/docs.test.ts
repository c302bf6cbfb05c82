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

describe.each(pages())('every link on %s', page => {
  const links = Array.from(
    prose(page).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?[^)]*\)/g),
    ([, path, anchor]) => ({
      path: path ? join(dirname(page), path) : page,
      anchor,
    }),
  )

  test('leads to a file', () => {
    expect(links.filter(({ path }) => !existsSync(join(root, path)))).toEqual([])
  })

  test('leads to a heading', () => {
    const lost = links.filter(({ path, anchor }) => anchor && path.endsWith('.md') && !anchorsOf(path).includes(anchor))
    expect(lost).toEqual([])
  })
})

/** A page without its blocks of code. */
function prose(page: string): string {
  return readFileSync(join(root, page), 'utf8').replace(/^```.*?^```$/gms, '')
}

/** The headings of a page, as GitHub names them. */
function anchorsOf(page: string): string[] {
  return Array.from(prose(page).matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

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
