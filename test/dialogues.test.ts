import { encodeFrame, type Frame } from '@tautline/core/wire'
import { describe, expect, test } from 'vitest'
import vectors from '../docs/protocol-vectors.json' with { type: 'json' }
import { type Dialogue, playClient, playServer } from './support/dialogue.ts'

const { madeUp } = vectors
const dialogues: readonly Dialogue[] = vectors.dialogues

describe('the dialogues of docs/protocol.md', () => {
  test.each(dialogues)('$name: each frame is the bytes that stand beside it', ({ steps }) => {
    for (const { frame, hex } of steps) {
      if (frame) expect(Buffer.from(encodeFrame(frame as unknown as Frame)).toString('hex')).toBe(hex)
    }
  })

  test.each(dialogues.filter(plays('client')))('$name: the server does its part', dialogue =>
    playClient(dialogue, new Set(madeUp)),
  )

  test.each(dialogues.filter(plays('server')))('$name: the client does its part', playServer)
})

/** Whether a dialogue can be played on that side. */
function plays(side: string) {
  return ({ plays = ['client', 'server'] }: Dialogue) => plays.includes(side)
}
