/** Weighs the client as a browser gets it: bundled by esbuild, minified, compressed with brotli. */
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'
import { holdBudget } from './budgets.ts'

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('bundle-entry.ts', import.meta.url))],
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  conditions: ['@tautline/source'],
})
const code = outputFiles[0]?.contents ?? new Uint8Array()

holdBudget('bundle: one call and one subscription on an outline', brotliCompressSync(code).length)
