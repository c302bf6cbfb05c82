/** Weighs what a browser downloads for one call and one subscription. */
import { brotliCompressSync } from 'node:zlib'
import { holdBudget } from '../budgets.ts'
import { bundleForBrowsers } from './build.ts'

const { outputFiles } = await bundleForBrowsers()
const bytes = outputFiles.reduce((sum, { contents }) => sum + brotliCompressSync(contents).length, 0)
holdBudget('bundle: one call and one subscription on an outline', bytes)
