import { byId, element, icon } from './dom.ts'

const SHOWN_OPEN_MS = 6_000

const notice = byId('closed', HTMLDivElement)
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
let timer: ReturnType<typeof setTimeout> | undefined

/** Shows the error of a closed room as what it is: a door with a clock. */
export function knock(room: string, until: Date): void {
  clearTimeout(timer)
  const left = element('span', 'left')
  const stamp = element('time', '', time.format(until))
  stamp.dateTime = until.toISOString()
  notice.className = 'notice closed'
  notice.replaceChildren(
    icon('clock'),
    element('p', '', `${room} is closed until `, stamp, '. Your words are kept below.'),
    left,
  )
  notice.hidden = false
  count()

  function count(): void {
    const seconds = Math.ceil((+until - Date.now()) / 1_000)
    if (seconds <= 0) return open(room)
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
    timer = setTimeout(count, (+until - Date.now()) % 1_000 || 1_000)
  }
}

function open(room: string): void {
  notice.className = 'notice open'
  notice.replaceChildren(icon('check'), element('p', '', `${room} is open. Go on.`))
  timer = setTimeout(() => {
    notice.hidden = true
  }, SHOWN_OPEN_MS)
}
