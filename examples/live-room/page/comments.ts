import { byId, element } from './dom.ts'
import { fly } from './flying.ts'
import { api, ledger } from './live.ts'
import { me } from './me.ts'
import { Speaker } from './speaker.ts'

const REWIND = 8
const FLOOD = 200
const MOST_LISTED = 12

const input = byId('comment-text', HTMLInputElement)
const list = byId('comments', HTMLUListElement)
const channel = api.stage.comments({ room: 'hall' })
const speaker = new Speaker()

channel.subscribe(
  ({ author, seq, text }) => {
    ledger.enter('comments', author.id, seq)
    fly(text, author.hue, author.id === me.id)
    list.prepend(element('li', '', `${author.name}: ${text}`))
    if (list.childElementCount > MOST_LISTED) list.lastElementChild?.remove()
  },
  // What a gap leaves out is counted like everything else.
  { rewind: REWIND, onGap: () => undefined },
)

async function comment(text: string): Promise<void> {
  if (speaker.busy) return complain('too many are on their way')
  const error = await speaker.say((seq, idempotencyKey) => channel.publish({ seq, text }, { idempotencyKey }))
  if (error) complain(error.message)
}

function complain(why: string): void {
  input.setCustomValidity(`Not sent: ${why}.`)
  input.reportValidity()
}

byId('comment', HTMLFormElement).addEventListener('submit', event => {
  event.preventDefault()
  const text = input.value.trim()
  if (text !== '') void comment(text)
  input.value = ''
})

input.addEventListener('input', () => input.setCustomValidity(''))

const CHEERS = [
  'hello sea',
  'what a night',
  'whoosh',
  'all of them, in order',
  'ahoy',
  'count them',
  'still zero',
  'wave!',
]

byId('flood', HTMLButtonElement).addEventListener('click', () => {
  for (let cheer = 0; cheer < FLOOD; cheer++) void comment(CHEERS[cheer % CHEERS.length] ?? '')
})
