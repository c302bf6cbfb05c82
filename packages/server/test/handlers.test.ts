import { contract, procedure, stream, topic } from '@tautline/core'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { anyone, routesOf } from '../src/handlers.ts'

const api = contract({
  ping: procedure({}),
  rooms: {
    post: procedure({ input: z.string() }),
    rows: stream({ down: z.number() }),
    feed: topic({ params: z.string(), message: z.string(), publish: z.string(), presence: z.object({}) }),
    quiet: topic({ params: z.string(), message: z.string() }),
  },
})

const noop = (): undefined => undefined
const whole = {
  ping: noop,
  rooms: {
    post: noop,
    rows: noop,
    feed: { subscribe: anyone, publish: noop, presence: noop },
    quiet: { subscribe: anyone },
  },
}

describe('a contract and its handlers', () => {
  it('become routes, by path and by number', () => {
    const routes = routesOf(api, whole)
    const paths = ['ping', 'rooms.feed', 'rooms.post', 'rooms.quiet', 'rooms.rows']
    expect([...routes.keys()].sort()).toEqual([...paths.keys(), ...paths].sort())
    for (const [number, path] of paths.entries()) expect(routes.get(number)).toBe(routes.get(path))
    expect(routes.get('rooms.post')).toMatchObject({ kind: 'procedure', entry: api.rooms.post })
    expect(routes.get('rooms.quiet')).toMatchObject({ kind: 'topic', publish: undefined, presence: undefined })
  })

  it('do not fit when one is missing, unknown, or no function: each is named', () => {
    const rooms = {
      post: 'nope',
      feed: { subscribe: noop, presence: null, publsih: noop },
      quiet: { publish: noop },
      psot: noop,
    }
    expect(() => routesOf(api, { rooms, other: {} })).toThrow(
      new TypeError(
        'the handlers do not fit the contract: ping is missing; rooms.post is not a function; rooms.rows is missing; ' +
          'rooms.feed.publsih is unknown; rooms.feed.publish is missing; rooms.feed.presence is not a function; ' +
          'rooms.quiet.publish is unknown; rooms.quiet.subscribe is missing; rooms.psot is unknown; other is unknown',
      ),
    )
  })

  it.each([undefined, null, 1, 'x'])('do not fit when a whole group is %s', rooms => {
    expect(() => routesOf(api, { ping: noop, rooms })).toThrow(
      /rooms\.post is missing.*rooms\.quiet\.subscribe is missing/,
    )
  })

  it('do not take what every object has for a handler', () => {
    const { post: _, ...rooms } = whole.rooms
    expect(() =>
      routesOf(api, { ...whole, rooms: Object.assign(Object.create({ constructor: noop }), rooms) }),
    ).toThrow('rooms.post is missing')
  })

  it('may be objects with methods that know each other', () => {
    class Rooms {
      readonly #greeting = 'hello'
      rows = noop
      feed = whole.rooms.feed
      quiet = { subscribe: anyone }
      post(text: unknown) {
        return `${this.#greeting}, ${text}`
      }
    }
    const route = routesOf(api, { ping: noop, rooms: new Rooms() }).get('rooms.post')
    expect(route?.kind === 'procedure' && route.handle('ada', undefined)).toBe('hello, ada')
  })
})

it('anyone lets everybody in', () => {
  expect(anyone()).toBeUndefined()
})
