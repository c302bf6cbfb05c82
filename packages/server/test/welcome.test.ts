import { decodeFrame } from '@tautline/core/wire'
import { expect, it } from 'vitest'
import { anyone } from '../src/handlers.ts'
import { settingsOf } from '../src/options.ts'
import { Welcomes } from '../src/welcome.ts'

const ROUTE = 'x'.repeat(21)
const SECRET = 'V1StGXR8_Z5jdHi6B-myT'
const ID = 'cKzQ3v_x7H-2mNp0sRtUw'

it('welcomes a new session with its names, and every other one with how far it has come, and with nothing else', () => {
  const welcomes = new Welcomes(settingsOf({ authenticate: anyone, route: ROUTE }), 'hash', 'outcomes')
  const told = (resumed: boolean, received: number) =>
    decodeFrame(welcomes.of({ secret: SECRET, id: ID, resumed, received }))[1]
  const fresh = told(false, 0)
  expect(fresh).toMatchObject({
    session: SECRET,
    publicId: ID,
    resumed: false,
    received: 0,
    contract: 'hash',
    route: ROUTE,
    outcomes: 'outcomes',
    limits: { messageBytes: 1_048_576 },
  })
  expect(told(true, 7)).toEqual({ ...(fresh as object), resumed: true, received: 7 })
  expect(told(true, 0)).toEqual({ ...(fresh as object), resumed: true })
})

it('welcomes two sessions one after the other, each in memory of its own', () => {
  const welcomes = new Welcomes(settingsOf({ authenticate: anyone }), 'hash', 'outcomes')
  const one = welcomes.of({ secret: SECRET, id: ID, resumed: false, received: 0 })
  welcomes.of({ secret: ID, id: SECRET, resumed: false, received: 0 })
  expect(decodeFrame(one)[1]).toMatchObject({ session: SECRET, publicId: ID })
})
