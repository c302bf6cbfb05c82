/** The page that one writes with Tautline: with a listener, or with a loop. */
import { connect } from '@tautline/client'
import * as core from '@tautline/core'
import { chatOf } from '../servers/chat.ts'
import { read } from './reading.ts'

const asked = new URLSearchParams(location.search)
const { api, connection } = connect(chatOf(core), { url: `ws://127.0.0.1:${asked.get('port')}/live` })
const feed = api.rooms.feed({ room: 'lobby' })

async function loop(): Promise<void> {
  for await (const message of feed) read(message)
}

if (asked.has('loop')) void loop()
else feed.subscribe(read)

connection.on('error', error => {
  throw error
})
