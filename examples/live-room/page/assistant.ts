import { TautlineError } from '@tautline/core'
import { byId, element } from './dom.ts'
import { api, ledger } from './live.ts'
import { randomId } from './me.ts'

const AGAIN_MS = 1_000

const answer = byId('answer', HTMLDivElement)
const count = byId('answer-count', HTMLParagraphElement)
const input = byId('question', HTMLInputElement)
const send = byId('ask-send', HTMLButtonElement)
const stop = byId('ask-stop', HTMLButtonElement)
const questions = byId('questions', HTMLDivElement)
let current: AbortController | undefined

interface Answered {
  readonly came: number
  readonly words: number
}

async function ask(question: string): Promise<void> {
  current?.abort()
  const asked = new AbortController()
  current = asked
  const text = element('p', 'words')
  answer.replaceChildren(element('p', 'question', question), text)
  begin()
  try {
    const { came, words } = await readAnswer(question, text, asked.signal)
    if (current === asked) count.textContent = `${came} of ${words} words`
  } catch (thrown) {
    if (current !== asked) return
    const { message } = TautlineError.from(thrown)
    count.textContent = asked.signal.aborted ? 'Stopped, on the server too' : `Failed: ${message}`
  } finally {
    if (current === asked) end()
  }
}

/**
 * A lost line is none of our business: the stream goes on. A lost *session* ends it (the server was restarted, or we
 * were away for too long), and then the rest is asked for from where the words broke off.
 */
async function readAnswer(question: string, text: HTMLElement, signal: AbortSignal): Promise<Answered> {
  const id = randomId()
  let came = 0
  let after = 0
  ledger.begin('answers', id, 0)
  for (;;) {
    const stream = api.assistant.ask({ question, after }, { signal })
    try {
      for await (const { seq, word } of stream) {
        ledger.enter('answers', id, seq)
        came += 1
        after = seq
        text.append(text.hasChildNodes() ? ` ${word}` : word)
        answer.scrollTop = answer.scrollHeight
        count.textContent = `Word ${seq}`
      }
      return { came, ...(await stream.result) }
    } catch (thrown) {
      if (TautlineError.from(thrown).code !== 'UNAVAILABLE') throw thrown
      await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
      signal.throwIfAborted()
    }
  }
}

function begin(): void {
  answer.ariaBusy = 'true'
  send.hidden = true
  stop.hidden = false
}

function end(): void {
  current = undefined
  answer.ariaBusy = 'false'
  send.hidden = false
  stop.hidden = true
}

byId('ask', HTMLFormElement).addEventListener('submit', event => {
  event.preventDefault()
  const question = input.value.trim()
  input.value = ''
  if (question !== '') void ask(question)
})
questions.addEventListener('click', ({ target }) => {
  if (target instanceof HTMLButtonElement) void ask(target.textContent ?? '')
})
stop.addEventListener('click', () => {
  current?.abort()
  input.focus()
})
