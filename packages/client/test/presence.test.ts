import { TautlineError, type TopicEntry } from '@tautline/core'
import { FrameType } from '@tautline/core/wire'
import { expect, it } from 'vitest'
import { FakeLine } from './support/fake-line.ts'
import { log } from './support/topics.ts'

const { GAP, MESSAGE, RETRACT, SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE } = FrameType
const feed: TopicEntry = { ...log, presence: true }
const letIn = (id: number, offset: number, head = offset, gap = false) =>
  [SUBSCRIBED, id, { channel: 'members', epoch: 'e', offset, head, gap }] as const
const joins = (offset: number, id: string, name = id) => [MESSAGE, 'members', offset, { name }, id] as const
const leaves = (offset: number, id: string) => [RETRACT, 'members', offset, id] as const

async function watch() {
  const line = new FakeLine()
  const told: string[] = []
  const errors: string[] = []
  const subscription = line.topics.channel(feed, { room: 'lobby' }).presence?.subscribe(
    (members, { count }) => {
      told.push(`${members.map(member => `${member.id}:${'name' in member && member.name}`).join(' ')} of ${count}`)
    },
    { onError: error => errors.push(error.code) },
  )
  if (!subscription) throw new Error('no presence')
  line.attach()
  const sent = await line.sent()
  return { line, told, errors, subscription, sent }
}

it('observes the presence of the channel and hears of everybody, once all are known', async () => {
  const { line, told, sent } = await watch()
  expect(sent).toEqual([[SUBSCRIBE, 1, 'rooms.feed@presence', { room: 'lobby' }]])
  line.receive(letIn(1, 0, 2), joins(1, 'a'))
  await line.clock.settle()
  expect(told).toEqual([])
  line.receive(joins(2, 'b'))
  await line.clock.settle()
  expect(told).toEqual(['a:a b:b of 2'])
})

it('hears that nobody is there', async () => {
  const { line, told } = await watch()
  line.receive(letIn(1, 0))
  await line.clock.settle()
  expect(told).toEqual([' of 0'])
})

it('hears of the changes of one tick together', async () => {
  const { line, told } = await watch()
  line.receive(letIn(1, 0))
  await line.clock.settle()
  line.receive(joins(1, 'a'), joins(2, 'b'), joins(3, 'b', 'bob'), joins(4, 'c'), leaves(5, 'a'))
  await line.clock.settle()
  expect(told.slice(1)).toEqual(['b:bob c:c of 2'])
})

it('keeps its list through a drop until the new state is there', async () => {
  const { line, told } = await watch()
  line.receive(letIn(1, 0), joins(1, 'a'), joins(2, 'b'))
  await line.clock.settle()
  line.detach()
  line.attach()
  expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed@presence', { room: 'lobby' }, { since: ['e', 2] }]])
  line.receive(letIn(2, 2, 4), joins(3, 'c'))
  await line.clock.settle()
  expect(told).toEqual(['a:a b:b of 2'])
  line.receive(leaves(4, 'a'))
  await line.clock.settle()
  expect(told.slice(1)).toEqual(['b:b c:c of 2'])
})

it('begins anew after a gap, of which nobody is told', async () => {
  const { line, told, errors } = await watch()
  line.receive(letIn(1, 0), joins(1, 'a'), joins(2, 'b'))
  await line.clock.settle()
  line.detach()
  line.attach()
  await line.sent()
  line.receive(letIn(2, 0, 9, true), joins(2, 'b'), joins(9, 'd'))
  await line.clock.settle()
  expect(told.slice(1)).toEqual(['b:b d:d of 2'])
  line.receive([GAP, 'members', 'f', 0], joins(1, 'z'))
  await line.clock.settle()
  expect(told.slice(2)).toEqual(['z:z of 1'])
  expect([errors, line.errors]).toEqual([[], []])
})

it('says how many there are when not all are listed', async () => {
  const { line, told } = await watch()
  line.receive(letIn(1, 0), joins(1, 'a'), [MESSAGE, 'members', 2, { count: 5_000 }, ''])
  await line.clock.settle()
  line.receive(leaves(3, ''))
  await line.clock.settle()
  expect(told).toEqual(['a:a of 5000', 'a:a of 1'])
})

it('keeps no more than 10,000 members, whatever the server says', async () => {
  const { line, told } = await watch()
  line.receive(letIn(1, 0))
  for (let offset = 1; offset <= 10_010; offset++) line.receive(joins(offset, `m${offset}`))
  await line.clock.settle()
  expect(told.at(-1)).toMatch(/ of 10000$/)
})

it('is told of a refusal, and stops when closed', async () => {
  const { line, errors } = await watch()
  line.receive([UNSUBSCRIBE, 1, { code: 'PERMISSION_DENIED', message: 'no more' }])
  expect(errors).toEqual(['PERMISSION_DENIED'])
  const open = await watch()
  open.line.receive(letIn(1, 0), joins(1, 'a'))
  open.subscription.close()
  expect(await open.line.sent()).toEqual([[UNSUBSCRIBE, 1]])
  expect(open.told).toEqual([])
})

it('goes on when the listener throws', async () => {
  const line = new FakeLine()
  line.attach()
  line.topics.channel(feed, 'lobby').presence?.subscribe(() => {
    throw new TautlineError('NOT_FOUND')
  })
  await line.sent()
  line.receive(letIn(1, 0))
  await line.clock.settle()
  expect(line.errors).toMatchObject([{ code: 'NOT_FOUND', entry: 'rooms.feed@presence' }])
})
