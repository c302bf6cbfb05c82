/** What the bundle budget weighs: a page that makes one call and holds one subscription, on an outline. */
import { connect } from '@tautline/client'
import type { chat } from './contract.ts'

/** Put in by the build, as an application's build would. */
declare const OUTLINE: Parameters<typeof connect<typeof chat>>[0]

const { api } = connect<typeof chat>(OUTLINE, { url: '/live' })
api.rooms.feed({ room: 'lobby' }).subscribe(message => document.body.append(message.text))

const { at } = await api.rooms.post({ room: 'lobby', text: 'hi' })
document.body.append(at.toISOString())
