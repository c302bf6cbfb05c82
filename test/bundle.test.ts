import { build as buildWithVite, defaultClientConditions } from 'vite'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundleForBrowsers, define, entry } from '../scripts/bundle/build.ts'

const nodeOnly = /websocket\.node|node_modules\/ws\/|^node:|browser-external/

describe('the client in a browser bundle', () => {
  let modules: string[]
  let code: string

  beforeAll(async () => {
    const { metafile, outputFiles } = await bundleForBrowsers()
    modules = Object.keys(metafile.inputs)
    code = outputFiles.map(file => file.text).join('\n')
  })

  test('holds nothing of Node', () => {
    expect(modules).toContain('packages/client/src/websocket.browser.ts')
    expect(modules.filter(module => nodeOnly.test(module))).toEqual([])
  })

  test('holds nothing of the server and no validator', () => {
    expect(modules.filter(module => /packages\/server|zod|valibot|arktype/.test(module))).toEqual([])
  })

  test('needs no eval, so that a strict CSP lets it run', () => {
    expect(code).not.toMatch(/\beval\(|new Function\(|\bFunction\(/)
  })
})

test('Vite picks the same files for a browser', async () => {
  const output = await buildWithVite({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@tautline/source', ...defaultClientConditions] },
    define,
    build: { write: false, lib: { entry, formats: ['es'] } },
  })
  const chunks = [output].flat().flatMap(result => ('output' in result ? result.output : []))
  const modules = chunks.flatMap(chunk => (chunk.type === 'chunk' ? chunk.moduleIds : []))
  expect(modules).toContainEqual(expect.stringContaining('packages/client/src/websocket.browser.ts'))
  expect(modules.filter(module => nodeOnly.test(module))).toEqual([])
})
