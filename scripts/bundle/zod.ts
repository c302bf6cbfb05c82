/** The same page with the contract in it, and zod. */
import { connect } from '@tautline/client'
import { chat } from './contract.ts'

const { api } = connect(chat, { url: '/live' })
api.rooms.feed({ room: 'lobby' }).subscribe(message => document.body.append(message.text))

const { at } = await api.rooms.post({ room: 'lobby', text: 'hi' })
document.body.append(at.toISOString())
