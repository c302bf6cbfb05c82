import { fileURLToPath } from 'node:url'
import { outlineOf } from '@tautline/core'
import { type BuildResult, build } from 'esbuild'
import { chat } from './contract.ts'

/** The page that is bundled. */
export const entry = fileURLToPath(new URL('entry.ts', import.meta.url))

/** What the build puts into the page. */
export const define = { OUTLINE: JSON.stringify(outlineOf(chat)) }

/** Bundles a page from sources as a browser would get it: minified, one file, in memory. */
export function bundleForBrowsers(page = entry): Promise<BuildResult<{ write: false; metafile: true }>> {
  return build({
    entryPoints: [page],
    define,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@tautline/source'],
  })
}
