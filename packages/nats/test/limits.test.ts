import { systemClock } from '@tautline/core/wire'
import { randomFrom } from '@tautline/testing'
import { expect, test } from 'vitest'
import { EngineClock } from '../src/engine-clock.ts'
import { Journals } from '../src/journals.ts'
import { Load } from '../src/load.ts'
import { onceOf, subjectsOf } from '../src/names.ts'
import { MOST_KEYS, OnceKeys } from '../src/once-keys.ts'
import { settingsOf } from '../src/options.ts'
import { headersOf, recordOf } from '../src/record.ts'
import { Stream } from '../src/stream.ts'
import { FakeStream } from './support/fake-stream.ts'

const MiB = 1_024 * 1_024
const NOT_DONE = { code: 'UNAVAILABLE', mayHaveRun: false }

test('20,000 are under way at the most, and one more is refused', async () => {
  const load = new Load()
  let end = () => {}
  const over = new Promise<void>(resolve => {
    end = resolve
  })
  const all = Array.from({ length: 20_000 }, () => load.carry(0, () => over))
  await expect(load.carry(0, async () => undefined)).rejects.toMatchObject(NOT_DONE)
  end()
  await Promise.all(all)
  expect(load.size).toBe(0)
  await expect(load.carry(0, async () => 'again')).resolves.toBe('again')
})

test.each([
  [64 * MiB - 512, true],
  [64 * MiB - 511, false],
])('beside one of %i bytes, another one of none goes: %s', async (bytes, goes) => {
  const load = new Load()
  let end = () => {}
  const large = load.carry(
    bytes,
    () =>
      new Promise<void>(resolve => {
        end = resolve
      }),
  )
  const small = load.carry(0, async () => 'gone')
  if (goes) await expect(small).resolves.toBe('gone')
  else await expect(small).rejects.toMatchObject(NOT_DONE)
  end()
  await large
})

test('channels that were asked for long ago are let go when too much is known, and found again', async () => {
  const store = new FakeStream(randomFrom(1), { lostAcks: 0, lostNews: 0 })
  const parts = { store, engineClock: new EngineClock(systemClock), clock: systemClock }
  const journals = new Journals('p', MiB, parts, 10 * 16)
  const channel = (name: string) => ({ name, retain: { kind: 'log', count: 5, seconds: 60 } }) as const
  const first = journals.of(channel('0'))
  for (let i = 1; i < 10; i++) journals.of(channel(String(i)))
  expect(journals.size).toBe(10)
  expect(journals.of(channel('0'))).toBe(first)
  journals.of(channel('10'))
  expect(journals.size).toBe(10)
  expect(journals.find('1')).toBeUndefined()
  expect(journals.of(channel('0'))).toBe(first)
  journals.close()
})

test('a channel that is declared otherwise has another journal', () => {
  const store = new FakeStream(randomFrom(1), { lostAcks: 0, lostNews: 0 })
  const journals = new Journals('p', MiB, { store, engineClock: new EngineClock(systemClock), clock: systemClock })
  const one = journals.of({ name: 'a', retain: { kind: 'log', count: 5, seconds: 60 } })
  expect(journals.of({ name: 'a', retain: { kind: 'log', count: 5, seconds: 60 } })).toBe(one)
  expect(journals.of({ name: 'a', retain: { kind: 'log', count: 6, seconds: 60 } })).not.toBe(one)
})

test('10,000 idempotency keys are known per channel, for two minutes', () => {
  const keys = new OnceKeys()
  for (let i = 1; i <= MOST_KEYS; i++) keys.add(`k${i}`, i, i, 0)
  expect(keys.find('k1', 1)).toBe(1)
  keys.add('one more', 0, 0, 1)
  expect(keys.find('k1', 1)).toBeUndefined()
  expect(keys.find('k2', 119_999)).toBe(2)
  expect(keys.find('k2', 120_000)).toBeUndefined()
  expect([...keys.kept(120_000)]).toEqual([0])
})

test.each([
  ['2.8.4', false],
  ['2.9.0', true],
  ['2.10.1', true],
  ['3.0.0', true],
  ['unknown', false],
])('a server of version %s will do: %s', async (version, does) => {
  const stream = new Stream(settingsOf({}), new EngineClock(systemClock))
  const engine = { connection: { info: { version } }, streams: undefined, manager: undefined }
  const error = await stream.prepare(engine as never).catch(error => error)
  expect(String(error).includes('needs nats-server 2.9 or newer')).toBe(!does)
})

test('a record is read as it was written, and anything else is none', () => {
  const entries = [
    { kind: 'message', key: 'ключ\r\n', size: 3, leaseMs: 30_000, once: onceOf('once') },
    { kind: 'message', key: undefined, size: 0, leaseMs: undefined, once: undefined },
    { kind: 'message', key: '', size: 1, leaseMs: undefined, once: undefined },
    { kind: 'retraction', key: '*' },
    { kind: 'renewal', key: 'a b', offset: 7, leaseMs: 1 },
  ] as const
  const record = { epoch: 'e', id: 'i', after: '-', head: 9, at: 1, until: 2, lastsMs: 3, kept: 4, floor: 5, entries }
  const written = headersOf(record)
  expect(recordOf(written)).toEqual(record)
  expect(recordOf(undefined)).toBeUndefined()
  for (const [header, line] of [
    ['Tautline', 'e i - 9 1 2 3 4 x'],
    ['Tautline', ''],
    ['Tautline-Entry', 'm -1 - - -'],
    ['Tautline-Entry', 'x'],
  ] as const) {
    const broken = headersOf(record)
    broken.set(header, line)
    expect(recordOf(broken), line).toBeUndefined()
  }
})

test('names of channels are tokens without wildcards, and different for different names', () => {
  const names = ['a', 'a.b', '=YQ', 'a.', '.a', '*', '>', '', ' ', 'a b', '=clock', '==clock', '@servers', 'ё']
  const subjects = names.map(name => subjectsOf('p', name).memory)
  expect(new Set(subjects).size).toBe(names.length)
  for (const subject of subjects) expect(subject).toMatch(/^p\.r(\.[\w@=-]+)+$/)
  expect(subjects).not.toContain('p.r.==clock')
})
