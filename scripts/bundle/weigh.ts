/** Weighs what a browser downloads for one call and one subscription. */
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { holdBudget } from '../budgets.ts'
import { bundleForBrowsers } from './build.ts'

async function weigh(page?: string): Promise<number> {
  const { outputFiles } = await bundleForBrowsers(page)
  return outputFiles.reduce((sum, { contents }) => sum + brotliCompressSync(contents).length, 0)
}

holdBudget('bundle: one call and one subscription on an outline', await weigh())

// Held by nobody, since it is another library's: what the guide on bundles sends people here to see.
for (const validator of ['zod-mini', 'zod']) {
  const bytes = await weigh(fileURLToPath(new URL(`${validator}.ts`, import.meta.url)))
  process.stdout.write(`bundle: the same with its contract and ${validator}: ${bytes} bytes brotli\n`)
}
