/** Generated applications of any size: what the cost of types is measured on. */

/** How many of a contract's entries the generated client uses, whatever the size. */
const USED = 50
const GROUP = 20

/** `zod` is the schemas alone; `plain` procedures only; `mixed` has errors on 90 %, 5 % streams and 5 % topics. */
export type Mix = 'zod' | 'plain' | 'mixed'

type Shape = 'procedure' | 'stream' | 'topic'

/** The source files of an application: by name, what stands in them. */
export function applicationOf(
  size: number,
  mix: Mix,
): Readonly<Record<'contract.ts' | 'client.ts' | 'server.ts', string>> {
  const entries = Array.from({ length: size }, (_, index) => ({ index, shape: shapeOf(index, mix) }))
  const groups = Array.from({ length: Math.ceil(size / GROUP) }, (_, group) =>
    entries.slice(group * GROUP, (group + 1) * GROUP),
  )
  return { 'contract.ts': contractOf(groups, mix), 'client.ts': clientOf(entries), 'server.ts': serverOf(groups) }
}

interface Entry {
  readonly index: number
  readonly shape: Shape
}

function shapeOf(index: number, mix: Mix): Shape {
  if (mix !== 'mixed') return 'procedure'
  if (index % 20 === 7) return 'stream'
  return index % 20 === 13 ? 'topic' : 'procedure'
}

function contractOf(groups: readonly (readonly Entry[])[], mix: Mix): string {
  const lines = groups.map((group, index) => {
    const entries = group.map(entry => `    e${entry.index}: ${definitionOf(entry, mix)},`)
    return `  g${index}: {\n${entries.join('\n')}\n  },`
  })
  const tree = `{\n${lines.join('\n')}\n}`
  if (mix === 'zod') return `import * as z from 'zod'\nexport const app = ${tree}\n`
  return [
    `import { contract, procedure, stream, topic } from '@tautline/core'`,
    `import * as z from 'zod'`,
    `export const app = contract(${tree})`,
    `export type { stream, topic }\n`,
  ].join('\n')
}

function definitionOf({ index, shape }: Entry, mix: Mix): string {
  const input = `z.object({ id: z.string(), n${index}: z.number(), tags: z.array(z.string()).optional() })`
  const output = `z.object({ id: z.string(), v${index}: z.number(), at: z.date() })`
  if (mix === 'zod') return `{ input: ${input}, output: ${output} }`
  const errors =
    mix === 'mixed' && index % 10 !== 3 ? `, errors: { CLOSED: z.object({ until: z.date() }), MUTED: null }` : ''
  switch (shape) {
    case 'procedure':
      return `procedure({ input: ${input}, output: ${output}${errors} })`
    case 'stream':
      return `stream({ input: ${input}, down: ${output}, result: z.object({ count: z.number() })${errors} })`
    case 'topic':
      return `topic({ params: z.object({ id: z.string() }), message: ${output}, publish: z.object({ v${index}: z.number() }), retain: { count: 10 } })`
  }
}

function clientOf(entries: readonly Entry[]): string {
  const used = Array.from({ length: USED }, (_, step) => entries[Math.floor((step * entries.length) / USED)])
  return [
    `import { connect } from '@tautline/client'`,
    `import { app } from './contract.ts'`,
    `const { api } = connect(app, { url: '/live' })`,
    'export async function use() {',
    ...used.map(entry => (entry ? `  ${useOf(entry)}` : '')),
    '}\n',
  ].join('\n')
}

function useOf({ index, shape }: Entry): string {
  const call = `api.g${Math.floor(index / GROUP)}.e${index}`
  switch (shape) {
    case 'procedure':
      return `void (await ${call}({ id: 'a', n${index}: 1 })).v${index}`
    case 'stream':
      return `for await (const item of ${call}({ id: 'a', n${index}: 1 })) void item.v${index}`
    case 'topic':
      return `${call}({ id: 'a' }).subscribe(message => message.v${index})`
  }
}

function serverOf(groups: readonly (readonly Entry[])[]): string {
  const handlers = groups.map((group, index) => {
    const lines = group.map(entry => `  ${handlerOf(entry)},`)
    return `const g${index}: Handlers<typeof app.g${index}, Context> = {\n${lines.join('\n')}\n}`
  })
  return [
    `import { type Handlers, serve } from '@tautline/server'`,
    `import { app } from './contract.ts'`,
    'type Context = { user: { name: string } }',
    ...handlers,
    `const authenticate = async ({ token = '' }) => ({ context: { user: { name: token } } })`,
    `export const server = await serve(app, { authenticate }, { ${groups.map((_, index) => `g${index}`).join(', ')} })\n`,
  ].join('\n')
}

function handlerOf({ index, shape }: Entry): string {
  const value = `{ id, v${index}: 1, at: new Date() }`
  switch (shape) {
    case 'procedure':
      return `e${index}: async ({ id, n${index} }, { context }) => ({ id: id + context.user.name, v${index}: n${index}, at: new Date() })`
    case 'stream':
      return `async *e${index}({ id }) { yield ${value}; return { count: 1 } }`
    case 'topic':
      return `e${index}: { subscribe({ id }, { context }) { if (id !== context.user.name) throw new Error(id) }, publish: ({ id }) => (${value}) }`
  }
}
