import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root directory. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Every page that we write by hand, relative to the root: `docs/guide/streams.md`. */
export function pages(): string[] {
  const inRoot = readdirSync(root)
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(path => `docs/${path}`)
  return [...inRoot, ...inDocs].filter(path => path.endsWith('.md') && !path.startsWith('docs/api/')).sort()
}
