import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Complaint, Editor } from './support/editor.ts'
import { type Case, cases, prelude } from './types/cases.ts'

/** A compiler needs some time to start, on a busy machine more. */
const PATIENCE_MS = 60_000

const editor = new Editor()
afterAll(() => editor.close())

describe('Mistakes', () => {
  // All cases in one file, each in a function of its own: the compiler is started once.
  const start = (index: number) => `async function case${index}() {\n`
  const rows = Object.values(cases).flat()
  const text = prelude + rows.map(({ code }, index) => `${start(index)}${code}\n}\n`).join('')
  let complaints: readonly Complaint[] = []
  beforeAll(() => {
    complaints = editor.write(text).complaints()
  }, PATIENCE_MS)

  function complaintsAbout(row: Case): readonly Complaint[] {
    const index = rows.indexOf(row)
    const from = text.indexOf(start(index))
    const end = index + 1 < rows.length ? text.indexOf(start(index + 1)) : text.length
    return complaints.filter(({ position }) => position >= from && position < end)
  }

  it('are all that is wrong with the file', () => {
    expect(complaints.filter(({ position }) => position < prelude.length)).toEqual([])
  })

  describe.each(Object.entries(cases))('%s', (_, rows) => {
    it.each(rows)('$when', row => {
      const [first, ...rest] = complaintsAbout(row)
      expect(rest).toEqual([])
      expect(first?.at).toBe(row.at)
      const heard = first?.lines.map(line => line.trim()) ?? []
      expect(heard).toContainEqual(typeof row.says === 'string' ? row.says : expect.stringMatching(row.says))
      expect(heard.length, heard.join('\n')).toBeLessThanOrEqual(row.lines ?? 3)
    })
  })
})

describe('What an editor shows', () => {
  beforeAll(() => {
    editor.write(`
import { connect } from '@tautline/client'
import type { Handlers } from '@tautline/server'
import { chat } from './chat.ts'
const { api } = connect(chat, { url: '/live' })
export const message = await api.rooms.post({ room: '', text: '' })
export const others = [api.rooms.search, api.rooms.export, api.rooms.upload, api.rooms.feed, api.rooms.news, api.ping]
export const rooms = {
  async post({ room, text }, call) { throw call.error('MUTED') },
} satisfies Partial<Handlers<typeof chat.rooms, { user: string }>>
`)
    editor.hover('api.rooms.post')
  }, PATIENCE_MS)

  const MESSAGE = '{ id: string; author: string; text: string; at: Date; }'

  it.each([
    [
      'api.rooms.search',
      `search: (input: { room: string; query: string; }, options?: CallOptions) => Promise<${MESSAGE}[]>`,
    ],
    ['api.ping', 'ping: (input?: undefined, options?: CallOptions) => Promise<void>'],
    [
      'api.rooms.export',
      `export: (input: { room: string; }, options?: StreamOptions) => Reading<${MESSAGE}, { count: number; }, never>`,
    ],
    [
      'api.rooms.upload',
      'upload: (input: { name: string; }, options: UpOptions<Uint8Array<ArrayBuffer>>) => Reading<{ received: number; }, { sha256: string; }, never>',
    ],
    [
      'api.rooms.feed',
      `feed: (params: { room: string; }) => Channel<${MESSAGE}> & Publishes<{ text: string; }> & HasPresence<{ name: string; }>`,
    ],
    ['api.rooms.news', `news: (params: { room: string; }) => Channel<${MESSAGE}>`],
  ])('of %s is plain', (expression, type) => {
    expect(editor.hover(expression).type).toBe(`(property) ${type}`)
  })

  it('of a procedure with declared errors names them', () => {
    const { type } = editor.hover('api.rooms.post')
    const answer = type.match(
      /^\(property\) post: \(input: { room: string; text: string; }, options\?: CallOptions\) => Answer<(.*)>$/,
    )
    const errors = answer?.[1]?.replace(`${MESSAGE}, `, '').split(' | ').sort()
    expect(errors).toEqual(['TautlineError<"MUTED", undefined>', 'TautlineError<"ROOM_CLOSED", { until: Date; }>'])
  })

  it('of a handler is plain too', () => {
    expect(editor.hover('async post').type).toMatch(
      /^\(property\) post\?: \(input: { room: string; text: string; }, call: Call<{ user: string; }, Raise<{ ROOM_CLOSED: /,
    )
  })

  it('holds the documentation of the contract', () => {
    expect(editor.hover('api.rooms.post').docs).toBe('Posts a message to a room.')
    expect(editor.hover('api.rooms.feed').docs).toBe(
      'The room, live. Clients send a text; the server makes the message.',
    )
    expect(editor.hover('api.ping').docs).toBe('Is anybody there?')
  })

  it('leads from a call to the line of the contract', () => {
    expect(editor.definition('api.rooms.post')).toEqual(['chat.ts: post: procedure({'])
    expect(editor.definition('api.rooms.feed')).toEqual(['chat.ts: feed: topic({'])
    expect(editor.definition('api.rooms')).toEqual(['chat.ts: rooms: {'])
  })

  it('renames an entry in the contract, in calls and in handlers at once', () => {
    expect([...editor.rename('api.rooms.post')].sort()).toEqual([
      'chat.ts: post: procedure({',
      "unsaved.ts: async post({ room, text }, call) { throw call.error('MUTED') },",
      "unsaved.ts: export const message = await api.rooms.post({ room: '', text: '' })",
    ])
  })
})

describe('What should compile', () => {
  it('does', { timeout: PATIENCE_MS }, () => {
    const file = readFileSync(new URL('./types/inferred.test-d.ts', import.meta.url), 'utf8')
    expect(editor.write(file).complaints()).toEqual([])
  })
})
