import { connect } from '@tautline/client'
import { chat } from './contract.ts'

const { api, connection } = connect(chat, { url: 'ws://localhost:3000/live' })

api.feed({ room: 'lobby' }).subscribe(({ author, text }) => console.log(`${author}: ${text}`), { rewind: 10 })
await api.post({ room: 'lobby', author: 'Ada', text: 'Hello!' })
for await (const word of api.ask({ question: 'does it resume?' })) console.log(word)
connection.close()
