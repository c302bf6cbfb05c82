import { expect, test } from 'vitest'
import { pageOf, Reply } from '../src/replies.ts'

const NOW = [Buffer.from('epoch'), 9, Buffer.from('2'), 0, 9]

test('a page is what a script says, with its numbers as Redis has them', () => {
  const changes = [Buffer.from('8'), Buffer.from('key'), Buffer.from('--body'), 9, Buffer.from('other'), null]
  expect(pageOf(new Reply([...NOW, changes]), 2)).toEqual({
    epoch: 'epoch',
    head: 9,
    floor: 2,
    after: 0,
    through: 9,
    changes: [
      { offset: 8, key: 'key', body: Buffer.from('body') },
      { offset: 9, key: 'other', body: undefined },
    ],
  })
})

test.each([
  ['an offset that is a key', [...NOW, [Buffer.from('key'), Buffer.from('8'), null]]],
  ['a change that is cut off', [...NOW, [8, null, null, Buffer.from('key')]]],
  ['a head that is no number', [Buffer.from('epoch'), Buffer.from('many'), 0, 0, 0, []]],
  ['a head that is no whole number', [Buffer.from('epoch'), 1.5, 0, 0, 0, []]],
  ['no head', [Buffer.from('epoch')]],
])('a page with %s reaches nobody', (_, answer) => {
  expect(() => pageOf(new Reply(answer), 0)).toThrow(TypeError)
})
