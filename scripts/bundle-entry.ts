/** What the bundle budget weighs: a page that makes one call and holds one subscription, on an outline. */
import { connect } from '@tautline/client'

const { api } = connect(JSON.parse(document.body.dataset.outline ?? '{}'), { url: '/live' })
api.rooms.feed({ room: 'lobby' }).subscribe((message: unknown) => document.body.append(String(message)))
document.body.append(String(await api.rooms.post({ room: 'lobby', text: 'hi' })))
