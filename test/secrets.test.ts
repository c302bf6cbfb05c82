import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { connect } from '@tautline/client'
import { contract, procedure } from '@tautline/core'
import { serve } from '@tautline/server'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import * as z from 'zod'

const CANARY = 'canary-3f9a7c'

/** What was thrown comes later, as it was thrown. */
const CHANNELS = ['tautline:session:begin', 'tautline:session:end', 'tracing:tautline:call:start']

const desk = contract({ ask: procedure({ input: z.object({ password: z.string().max(3) }), output: z.string() }) })

test('a token is in no URL, no log, no error and no close reason, whatever goes wrong', async () => {
  const written: string[] = []
  const note = (...told: unknown[]) => void written.push(told.map(each => inspect(each, { depth: 10 })).join(' '))
  process.on('warning', note)
  for (const channel of CHANNELS) subscribe(channel, note)
  let refusing = true
  const server = await serve(
    desk,
    {
      port: 0,
      authenticate: ({ token, url, headers }) => {
        note(url, headers)
        if (refusing) throw new Error(`the database does not know ${token}`)
        return { context: undefined, identity: 'ada' }
      },
      // What is told here is for the operator, who threw it.
      onError: (_, info) => note(info),
    },
    {
      ask: () => {
        throw new AggregateError([new Error(CANARY)], CANARY, { cause: new Error(CANARY) })
      },
    },
  )
  class Watched extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol)
      note(url)
      this.on('close', (code, reason) => note(code, reason.toString()))
    }
  }
  const { api, connection } = connect(desk, {
    url: server.url ?? '',
    token: () => CANARY,
    WebSocket: Watched as never,
    random: () => 0.01,
  })
  connection.on('error', note)
  connection.on('state', note)
  const answer = api.ask({ password: 'abc' }).catch((error: unknown) => error)
  await expect.poll(() => written.filter(line => line.includes('authentication failed')).length).toBeGreaterThan(0)
  refusing = false
  note(await answer)
  const refused = api.ask({ password: CANARY })
  note(await refused.catch((error: unknown) => error))
  expect(written.length).toBeGreaterThan(5)
  expect(written.filter(line => line.includes(CANARY))).toEqual([])
  connection.close()
  await server.close({ withinMs: 0 })
  process.off('warning', note)
  for (const channel of CHANNELS) unsubscribe(channel, note)
})
