import { safe } from '@tautline/client'
import { byId, element } from '../../live-room/page/dom.ts'
import { HALL } from '../hall.ts'
import { api, me } from './live.ts'

const MOST_NOTES = 100

const list = byId('notes', HTMLOListElement)
const field = byId('say', HTMLInputElement)

api.notes(HALL).subscribe(
  ({ author, text, server, at }) => {
    const by = element('p', 'by', element('b', '', author === me ? 'You' : author), ` at ${server}`)
    const note = element('li', author === me ? 'note mine' : 'note', by, element('p', 'text', text))
    note.dataset['server'] = server
    note.title = at.toLocaleTimeString()
    list.append(note)
    if (list.childElementCount > MOST_NOTES) list.firstElementChild?.remove()
    list.scrollTop = list.scrollHeight
  },
  { rewind: 20 },
)

byId('form', HTMLFormElement).addEventListener('submit', async event => {
  event.preventDefault()
  const text = field.value.trim()
  if (text === '') return
  field.value = ''
  const { ok } = await safe(api.notes(HALL).publish({ text }))
  // What nobody knows to have arrived is given back rather than said twice.
  if (!ok && field.value === '') field.value = text
})
