/** A mistake that somebody makes, and what the compiler must say of it. */
export interface Case {
  readonly when: string
  readonly code: string
  /** What is underlined. */
  readonly at: string
  /** What one line of the message says. */
  readonly says: string | RegExp
  /** How many lines the message has at most; 3 when absent. */
  readonly lines?: number
}

/** What the cases stand on. */
export const prelude = `
import * as z from 'zod'
import { connect, safe } from '@tautline/client'
import { contract, procedure, stream, topic } from '@tautline/core'
import { anyone, type Handlers, narrow, serve } from '@tautline/server'
import { chat } from './chat.ts'
type Context = { user: { id: string, name: string } }
type Some<Name extends keyof typeof chat.rooms> = Pick<Handlers<typeof chat.rooms, Context>, Name>
const { api } = connect(chat, { url: '/live' })
declare const known: () => { context: Context }
declare const handlers: Handlers<typeof chat, Context>
declare const admins: Handlers<typeof chat.rooms, { admin: string }>
declare const message: { id: string, author: string, text: string, at: Date }
`

const MESSAGE = '{ id: string; author: string; text: string; at: Date; }'

export const cases: Readonly<Record<string, readonly Case[]>> = {
  'A client cannot': [
    {
      when: 'forget a part of the input',
      code: `api.rooms.post({ room: 'lobby' })`,
      at: `{ room: 'lobby' }`,
      says: `Property 'text' is missing in type '{ room: string; }' but required in type '{ room: string; text: string; }'.`,
    },
    {
      when: 'send another type',
      code: `api.rooms.post({ room: 5, text: '' })`,
      at: 'room',
      says: `Type 'number' is not assignable to type 'string'.`,
    },
    { when: 'forget the input', code: 'api.rooms.post()', at: 'post', says: 'Expected 1-2 arguments, but got 0.' },
    {
      when: 'send what nobody expects',
      code: 'api.ping({ a: 1 })',
      at: '{ a: 1 }',
      says: `Argument of type '{ a: number; }' is not assignable to parameter of type 'undefined'.`,
    },
    {
      when: 'call an entry that does not exist',
      code: `api.rooms.posts({ room: '' })`,
      at: 'posts',
      says: /^Property 'posts' does not exist on type .* Did you mean 'post'\?$/,
    },
    {
      when: 'misspell an option',
      code: `api.ping(undefined, { timout: 5 })`,
      at: 'timout',
      says: `Object literal may only specify known properties, but 'timout' does not exist in type 'CallOptions'. Did you mean to write 'timeout'?`,
    },
    {
      when: 'publish another message than the topic takes',
      code: `api.rooms.feed({ room: '' }).publish({ txt: '' })`,
      at: 'txt',
      says: `Object literal may only specify known properties, but 'txt' does not exist in type '{ text: string; }'. Did you mean to write 'text'?`,
    },
    {
      when: 'publish on a topic that takes nothing from clients',
      code: `api.rooms.news({ room: '' }).publish(message)`,
      at: 'publish',
      says: `Property 'publish' does not exist on type 'Channel<${MESSAGE}>'.`,
    },
    {
      when: 'ask a topic without presence who is there',
      code: `api.rooms.positions({ room: '' }).presence`,
      at: 'presence',
      says: /^Property 'presence' does not exist on type 'Channel</,
    },
    {
      when: 'forget what goes up',
      code: `api.rooms.upload({ name: '' })`,
      at: 'upload',
      says: 'Expected 2 arguments, but got 1.',
    },
    {
      when: 'send other items up',
      code: `api.rooms.upload({ name: '' }, { up: ['text'] })`,
      at: 'up',
      says: /^Type 'string' is not assignable to type 'Uint8Array<ArrayBuffer>'/,
      lines: 8,
    },
    {
      when: 'read what an item does not have',
      code: `for await (const row of api.rooms.export({ room: '' })) row.body`,
      at: 'body',
      says: `Property 'body' does not exist on type '${MESSAGE}'.`,
    },
  ],

  'A server cannot': [
    {
      when: 'forget a handler',
      code: 'serve(chat, { authenticate: anyone }, { ping() {} })',
      at: '{ ping() {} }',
      says: /^Property 'rooms' is missing in type '{ ping\(\): void; }' but required in type/,
    },
    {
      when: 'forget one of a group',
      code: `const some: Some<'search' | 'post'> = { search: () => [] }`,
      at: 'some',
      says: /^Property 'post' is missing in type '{ search: \(\) => never\[\]; }' but required in type/,
    },
    {
      when: 'misspell a handler',
      code: 'serve(chat, { authenticate: known }, { rooms: handlers.rooms, pnig() {} })',
      at: 'pnig',
      says: /'pnig' does not exist in type/,
    },
    {
      when: 'forget who may enter',
      code: 'serve(chat, { port: 3000 }, handlers)',
      at: '{ port: 3000 }',
      says: /^Property 'authenticate' is missing in type '{ port: number; }' but required in type/,
    },
    {
      when: 'use a context that authenticate does not give',
      code: 'serve(chat, { authenticate: async () => ({ context: { user: 5 } }) }, handlers)',
      at: 'handlers',
      says: `Type 'number' is not assignable to type '{ id: string; name: string; }'.`,
      lines: 8,
    },
    {
      when: 'read of the context what is not there',
      code: `const some: Some<'search'> = { search(input, call) { call.context.admin; return [] } }`,
      at: 'admin',
      says: `Property 'admin' does not exist on type 'Context'.`,
    },
    {
      when: 'throw a code that is not declared',
      code: `const some: Some<'post'> = { post(input, call) { throw call.error('ROOM_FULL') } }`,
      at: `'ROOM_FULL'`,
      says: /^Argument of type '"ROOM_FULL"' is not assignable to parameter of type '("MUTED" \| "ROOM_CLOSED"|"ROOM_CLOSED" \| "MUTED") \| CanonicalCode'\.$/,
    },
    {
      when: 'throw a declared code without its data',
      code: `const some: Some<'post'> = { post(input, call) { throw call.error('ROOM_CLOSED') } }`,
      at: 'error',
      says: 'Expected 2-4 arguments, but got 1.',
    },
    {
      when: 'throw a declared code with other data',
      code: `const some: Some<'post'> = { post(input, call) { throw call.error('ROOM_CLOSED', { until: 5 }) } }`,
      at: 'until',
      says: `Type 'number' is not assignable to type 'Date'.`,
    },
    {
      when: 'throw a code that only another entry declares',
      code: `const some: Some<'search'> = { search(input, call) { throw call.error('MUTED') } }`,
      at: `'MUTED'`,
      says: `Argument of type '"MUTED"' is not assignable to parameter of type 'CanonicalCode'.`,
    },
    {
      when: 'answer with another type',
      code: `const some: Some<'search'> = { search: async () => [{ id: 5 }] }`,
      at: 'id',
      says: `Type 'number' is not assignable to type 'string'.`,
    },
    {
      when: 'answer where nothing is declared',
      code: 'serve(chat, { authenticate: known }, { rooms: handlers.rooms, ping: () => 5 })',
      at: '5',
      says: `Type 'number' is not assignable to type 'void | Promise<void>'.`,
    },
    {
      when: 'yield another item',
      code: `const some: Some<'export'> = { async *export() { yield 5; return { count: 1 } } }`,
      at: 'export',
      says: `Type 'number' is not assignable to type '${MESSAGE}'.`,
      lines: 8,
    },
    {
      when: 'forget the result of a stream',
      code: `const some: Some<'export'> = { async *export() { yield message } }`,
      at: 'export',
      says: `Type 'void' is not assignable to type '{ count: number; }'.`,
      lines: 8,
    },
    {
      when: 'let in with a yes or no that nobody reads',
      code: `const some: Some<'news'> = { news: { subscribe: ({ room }) => room === 'lobby' } }`,
      at: `room === 'lobby'`,
      says: `Type 'boolean' is not assignable to type 'void | Promise<void>'.`,
    },
    {
      when: 'forget who may subscribe',
      code: `const some: Some<'news'> = { news: {} }`,
      at: 'news',
      says: /^Property 'subscribe' is missing in type '{}' but required in type/,
    },
    {
      when: 'forget to make a message of what a client sends',
      code: `const some: Some<'positions'> = { positions: { subscribe: anyone } }`,
      at: 'positions',
      says: /^Property 'publish' is missing in type '{ subscribe: Anyone; }' but required in type/,
    },
    {
      when: 'take messages on a topic that has no publish',
      code: `const some: Some<'news'> = { news: { subscribe: anyone, publish: () => message } }`,
      at: 'publish',
      says: /'publish' does not exist in type/,
    },
    {
      when: 'publish another message than the topic has',
      code: `const some: Some<'search'> = { async search(input, call) { await call.publish(chat.rooms.news, { room: '' }, { text: '' }); return [] } }`,
      at: `{ text: '' }`,
      says: `Argument of type '{ text: string; }' is not assignable to parameter of type '${MESSAGE}'.`,
    },
    {
      when: 'publish on what is no topic',
      code: `const some: Some<'search'> = { async search(input, call) { await call.publish(chat.rooms.post, { room: '' }, message); return [] } }`,
      at: 'chat.rooms.post',
      says: /is not assignable to parameter of type 'TopicRef</,
    },
    {
      when: 'read items up of a stream that has none',
      code: `const some: Some<'export'> = { async *export(input, { up }) { return { count: 1 } } }`,
      at: 'up',
      says: /^Property 'up' does not exist on type 'Call</,
    },
    {
      when: 'narrow to a context that its handlers do not take',
      code: 'serve(chat, { authenticate: known }, { ping() {}, rooms: narrow(chat.rooms, ({ user }) => ({ admin: user }), admins) })',
      at: 'admin',
      says: `Type '{ id: string; name: string; }' is not assignable to type 'string'.`,
    },
  ],

  'A contract cannot': [
    {
      when: 'misspell an option of a procedure',
      code: 'procedure({ inptu: z.string() })',
      at: 'inptu',
      says: /'inptu' does not exist in type .* Did you mean to write 'input'\?/,
    },
    {
      when: 'misspell an option of a stream',
      code: 'stream({ down: z.string(), reslut: z.string() })',
      at: 'reslut',
      says: `Type 'ZodString' is not assignable to type 'never'.`,
    },
    {
      when: 'misspell an option of a topic',
      code: 'topic({ params: z.string(), message: z.string(), retian: { count: 5 } })',
      at: 'retian',
      says: `Type '{ count: number; }' is not assignable to type 'never'.`,
    },
    {
      when: 'misspell what is retained',
      code: 'topic({ params: z.string(), message: z.string(), retain: { cuont: 5 } })',
      at: 'retain',
      says: /^Type '{ cuont: number; }' is not assignable to type/,
      lines: 4,
    },
    {
      when: 'give something that is no schema',
      code: 'procedure({ input: { room: String } })',
      at: 'room',
      says: `Object literal may only specify known properties, and 'room' does not exist in type 'Schema'.`,
    },
    {
      when: 'have a topic without params',
      code: 'topic({ message: z.string() })',
      at: '{ message: z.string() }',
      says: `Property 'params' is missing in type '{ message: z.ZodString; }' but required in type 'TopicParts'.`,
    },
    {
      when: 'have a key that is no string',
      code: 'topic({ params: z.string(), message: z.object({ at: z.number() }), retain: { latestBy: m => m.at } })',
      at: 'latestBy',
      says: `Type 'number' is not assignable to type 'string'.`,
    },
    {
      when: 'have a key of something that messages do not have',
      code: 'topic({ params: z.string(), message: z.object({ at: z.number() }), retain: { latestBy: m => m.who } })',
      at: 'who',
      says: `Property 'who' does not exist on type '{ at: number; }'.`,
    },
    {
      when: 'have a leaf that is none of the three',
      code: 'contract({ rooms: { post: z.string() } })',
      at: 'post',
      says: /^Type 'ZodString' is not assignable to type '(Definition \| Group|Group \| Definition)'\.$/,
    },
  ],
}
