import { fileURLToPath } from 'node:url'
import { type BuildResult, build } from 'esbuild'

/** Bundles `bundle-entry.ts` from sources as a browser would get it: minified, one file, in memory. */
export function bundleForBrowsers(): Promise<BuildResult<{ write: false; metafile: true }>> {
  return build({
    entryPoints: [fileURLToPath(new URL('bundle-entry.ts', import.meta.url))],
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
