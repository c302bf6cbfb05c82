import { build as buildWithVite, defaultClientConditions } from 'vite'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundleForBrowsers, define, entry } from '../scripts/bundle/build.ts'

/** Of core: what clients send is for servers to check, and what deals with validators is for who has a contract. */
const serverOnly =
  /core\/src\/(wire\/(parse-client|inlet|deadlines|pipe)|schema|issues|check|contract|retain|channel)\.ts$/
const nodeOnly = /websocket\.node|node_modules\/ws\/|^node:|browser-external/

describe('the client in a browser bundle', () => {
  let modules: string[]
  let code: string

  beforeAll(async () => {
    const { metafile, outputFiles } = await bundleForBrowsers()
    modules = Object.values(metafile.outputs).flatMap(({ inputs }) =>
      Object.keys(inputs).filter(module => (inputs[module]?.bytesInOutput ?? 0) > 0),
    )
    code = outputFiles.map(file => file.text).join('\n')
  })

  test('holds nothing of Node', () => {
    expect(modules).toContain('packages/client/src/websocket.browser.ts')
    expect(modules.filter(module => nodeOnly.test(module))).toEqual([])
  })

  test('holds nothing of the server and no validator', () => {
    expect(modules.filter(module => /packages\/server|zod|valibot|arktype/.test(module))).toEqual([])
  })

  test('holds nothing that only a server needs, and with an outline nothing that deals with validators', () => {
    expect(modules.filter(module => serverOnly.test(module))).toEqual([])
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
