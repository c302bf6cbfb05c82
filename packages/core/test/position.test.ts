import { expect, test } from 'vitest'
import { positionText, readPosition } from '../src/wire/position.ts'

test.each([
  ['e', 0],
  ['a.b', 7],
  ['\n', Number.MAX_SAFE_INTEGER],
  ['x'.repeat(255), 1],
] as const)('a position in epoch %j at %i survives being stored', (epoch, offset) => {
  expect(readPosition(positionText([epoch, offset]) ?? '')).toEqual([epoch, offset])
})

test('a topic that retains nothing has no position', () => {
  expect(positionText([null, 0])).toBeUndefined()
})

test.each(['', '1', '1.', '.e', '-1.e', '1e3.e', '9007199254740992.e', ` 1.e`, `1.${'x'.repeat(256)}`])(
  '%j is no position',
  text => {
    expect(readPosition(text)).toBeUndefined()
  },
)
