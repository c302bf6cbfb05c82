import { defaultClientConditions, defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

/** Everything runs from `src`: no build stands between an edit and its test. */
const source = '@tautline/source'

export default defineConfig({
  resolve: { conditions: [source, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [source, ...defaultServerConditions] } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
          exclude: ['**/*.browser.test.ts', '**/node_modules/**', 'packages/bench/**'],
          maxWorkers: '100%',
          testTimeout: 10_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // One at a time and after the others: a browser, its pages and a server already fill two cores.
        extends: true,
        test: {
          name: 'browser',
          include: ['{test,examples}/**/*.browser.test.ts'],
          maxWorkers: 1,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
