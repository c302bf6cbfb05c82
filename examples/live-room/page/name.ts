import { byId } from './dom.ts'
import { connection } from './live.ts'
import { me } from './me.ts'

const input = byId('name', HTMLInputElement)

input.value = me.name
input.addEventListener('change', () => {
  if (me.rename(input.value)) connection.refresh()
  input.value = me.name
})
byId('me', HTMLFormElement).addEventListener('submit', event => {
  event.preventDefault()
  input.blur()
})
