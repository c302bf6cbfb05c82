import { setTimeout as pause } from 'node:timers/promises'
import type { Handlers } from '@tautline/server'
import type { Live, Visitor } from '../contract.ts'

/** A script, not a mind: the answer whose words the question holds, else the last one. */
const SCRIPT: readonly { readonly about: RegExp; readonly answer: string }[] = [
  {
    about: /cut|drop|line|lost|offline|tunnel/i,
    answer:
      'Cut it, right now, while I am talking. The TCP connection will be reset in both directions, in the middle of this ' +
      'sentence. My handler on the server does not notice: it keeps yielding words, and the link underneath keeps every ' +
      'frame until your side has acknowledged it. When the page dials again, both sides say how many frames they have ' +
      'seen, and only the missing ones are sent once more. That is why no word is missing here, and no word comes twice. ' +
      'The lane without Tautline reconnects just as quickly, and still has holes.',
  },
  {
    about: /upload|file|hash|pressure|slow/i,
    answer:
      'Your file goes up in pieces of 64 KiB, and the server reads them slowly on purpose. It hands out credit in bytes, ' +
      'so the page never reads more of the file than the server is ready to take: memory stays flat on both sides, ' +
      'however large the file is. Progress comes down the same stream while the pieces go up. At the end the server ' +
      'answers with the SHA-256 of what it received, and throws the bytes away.',
  },
  {
    about: /type|contract|schema|code/i,
    answer:
      'Everything on this page is one contract of about sixty lines. The server implements it as a plain object of ' +
      'functions, and the page calls it as if it were local: hover over a call and you see its input, its output and the ' +
      'errors it declares. Rename an entry, and the compiler walks you through both sides. The page itself carries no ' +
      'validator at all, only an outline of names, so it runs under a content security policy that forbids eval.',
  },
  {
    about: /./,
    answer:
      'I am a short script that answers one word at a time, because a stream is the best way to show what this library ' +
      'does. Each word is an item with a number. The page counts them, together with every message, comment and beat of ' +
      'the picture above. If one were missing or came twice, the corner of this page would say so. Ask me what happens ' +
      'when the line is cut, and then cut it before I have finished.',
  },
]

const WORD_MS = 55

export const assistant: Handlers<Live['assistant'], Visitor> = {
  async *ask({ question, after }, { signal }) {
    const words = answerTo(question).split(' ')
    for (const [index, word] of words.entries()) {
      if (index < after) continue
      await pause(WORD_MS, undefined, { signal })
      yield { seq: index + 1, word }
    }
    return { words: words.length }
  },
}

/** What the script has to say about a question. */
export function answerTo(question: string): string {
  return SCRIPT.find(({ about }) => about.test(question))?.answer ?? ''
}
