import { fileURLToPath } from 'node:url'
import { outlineOf } from '@tautline/core'
import { build, defaultClientConditions, type Plugin } from 'vite'
import { cluster } from '../contract.ts'
import { BUILT } from '../server/page.ts'

/** The contract without its schemas: the page needs its names and its types, and no validator. */
const outline: Plugin = {
  name: 'outline',
  resolveId: id => (id === 'virtual:outline' ? '\0outline' : undefined),
  load: id => (id === '\0outline' ? `export default ${JSON.stringify(outlineOf(cluster))}` : undefined),
}

/** Builds the page once; every server answers with the same. */
export async function buildPage(): Promise<void> {
  await build({
    configFile: false,
    root: fileURLToPath(new URL('../page', import.meta.url)),
    publicDir: fileURLToPath(new URL('../../live-room/page/public', import.meta.url)),
    logLevel: 'warn',
    plugins: [outline],
    resolve: { conditions: ['@tautline/source', ...defaultClientConditions] },
    build: { outDir: BUILT, emptyOutDir: true, assetsInlineLimit: 0 },
  })
}
