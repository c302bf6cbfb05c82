import { type Call, contract, type Handlers, procedure, stream, TautlineError, topic } from '@tautline/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { createCaller } from '../src/caller.ts'
import { anyone, routesOf } from '../src/handlers.ts'
import { narrow } from '../src/narrow.ts'
import { Dispatching, settled } from './support/dispatching.ts'

const api = contract({
  open: procedure({ output: z.string() }),
  admin: {
    whoami: procedure({ output: z.string() }),
    deep: { rows: stream({ down: z.string(), result: z.string() }) },
    count: stream({ up: z.number(), result: z.string() }),
    log: topic({
      params: z.string(),
      message: z.string(),
      publish: z.string(),
      presence: z.object({ name: z.string() }),
    }),
  },
})

type User = { readonly name: string | undefined }
type Admin = { readonly admin: string }

function toAdmin({ name }: User): Admin {
  if (name === undefined) throw new TautlineError('PERMISSION_DENIED', 'admins only')
  return { admin: name }
}

const adminHandlers: Handlers<typeof api.admin, Admin> = {
  whoami: (_, { context }) => context.admin,
  deep: {
    async *rows(_, { context }) {
      yield context.admin
      return context.admin
    },
  },
  async count(_, { context, up }) {
    let sum = 0
    for await (const n of up) sum += n
    return `${context.admin} ${sum}`
  },
  log: {
    subscribe: (_, { context }) => void context.admin.length,
    publish: (_, text, { context }) => `${context.admin}: ${text}`,
    presence: (_, { context }) => ({ name: context.admin }),
  },
}

let bench: Dispatching | undefined

function dispatching(context: User, check: (user: User) => Admin | Promise<Admin>): Dispatching {
  const handlers: Handlers<typeof api, User> = { open: () => 'open', admin: narrow(api.admin, check, adminHandlers) }
  bench = new Dispatching(api, handlers, { context })
  return bench
}

afterEach(async () => {
  await bench?.close()
  bench = undefined
})

describe.each([
  ['at once', toAdmin],
  ['later', async (user: User) => toAdmin(await Promise.resolve(user))],
])('narrowed handlers, checked %s', (_, check) => {
  it('see the context that the check made: procedures, streams, topics', async () => {
    const b = dispatching({ name: 'ada' }, check)
    expect(await b.ask('admin.whoami')).toEqual({ value: 'ada' })
    const rows = b.call('admin.deep.rows')
    expect(await rows.exchange.items.next()).toEqual({ done: false, value: 'ada' })
    expect(await settled(rows, b.clock)).toEqual({ value: 'ada' })
    const count = b.call('admin.count')
    void count.exchange.pump([1, 2].values()).then(() => count.exchange.end())
    expect(await settled(count, b.clock)).toEqual({ value: 'ada 3' })
    await settled(b.publish('admin.log', 'a', 'hi'), b.clock)
    expect(b.published[0]?.message).toBe('ada: hi')
    const { member } = await b.dispatcher.admit(b.caller, 'admin.log', 'a', new AbortController().signal)
    expect(await member?.()).toEqual({ name: 'ada' })
  })

  it('do not run when the check refuses, and what is not narrowed does', async () => {
    const b = dispatching({ name: undefined }, check)
    for (const path of ['admin.whoami', 'admin.deep.rows', 'admin.count']) {
      expect((await b.ask(path)).error).toMatchObject({ code: 'PERMISSION_DENIED', message: 'admins only' })
    }
    expect((await settled(b.publish('admin.log', 'a', 'hi'), b.clock)).error?.code).toBe('PERMISSION_DENIED')
    await expect(b.dispatcher.admit(b.caller, 'admin.log', 'a', new AbortController().signal)).rejects.toThrow(
      'admins only',
    )
    expect(await b.ask('open')).toEqual({ value: 'open' })
  })
})

describe('narrow', () => {
  it('takes a single entry, also one that lets anyone in: the check still decides', () => {
    const check = vi.fn(() => ({ admin: 'ada' }))
    const whoami = narrow(api.admin.whoami, check, (_, { context }) => context.admin)
    expect(whoami(undefined, { context: { name: 'ada' } } as Call<User>)).toBe('ada')
    const log = narrow(api.admin.log, check, { ...adminHandlers.log, subscribe: anyone })
    void log.subscribe('a', { context: { name: 'ada' } } as Call<User>)
    expect(check).toHaveBeenCalledTimes(2)
  })

  it('finds the context around it by itself', async () => {
    const handlers: Handlers<typeof api, User> = {
      open: narrow(
        api.open,
        context => toAdmin(context),
        (_, { context }) => context.admin,
      ),
      admin: narrow(api.admin, context => toAdmin(context), adminHandlers),
    }
    expect(await createCaller(api, { handlers, context: { name: 'ada' } }).open()).toBe('ada')
    const caller = createCaller(api, {
      context: { name: 'bob' } as User,
      handlers: { open: () => '', admin: narrow(api.admin, toAdmin, adminHandlers) },
    })
    expect(await caller.admin.whoami()).toBe('bob')
  })

  it('keeps what is missing missing, and what is unknown unknown, so that the server names it', () => {
    const { whoami: _, ...rest } = adminHandlers
    const handlers = { open: () => '', admin: narrow(api.admin, toAdmin, { ...rest, whoamI: () => '' } as never) }
    expect(() => routesOf(api, handlers)).toThrow(/: admin\.whoami is missing; admin\.whoamI is unknown$/)
  })

  it('finds the methods of a class', async () => {
    class Rooms {
      readonly #who = 'me'
      whoami(_: undefined, { context }: Call<Admin>) {
        return `${context.admin} and ${this.#who}`
      }
      deep = adminHandlers.deep
      count = adminHandlers.count
      log = new Log()
    }
    class Log {
      subscribe() {}
      publish(_: string, text: string, { context }: Call<Admin>) {
        return `${context.admin}: ${text}`
      }
      presence(_: string, { context }: Call<Admin>) {
        return { name: context.admin }
      }
    }
    bench = new Dispatching(
      api,
      { open: () => '', admin: narrow(api.admin, toAdmin, new Rooms() as never) },
      { context: { name: 'ada' } },
    )
    expect(await bench.ask('admin.whoami')).toEqual({ value: 'ada and me' })
    await settled(bench.publish('admin.log', 'a', 'hi'), bench.clock)
    expect(bench.published[0]?.message).toBe('ada: hi')
  })
})
