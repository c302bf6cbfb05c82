import type { From, Page, PageLimit } from '@tautline/server'
import type { Replica } from './replica.ts'
import type { Store } from './store.ts'

/**
 * Reads a page of a channel: where its changes are, the index knows; their bodies are in the stream. `undefined` when the
 * channel changed meanwhile: then it is to be tried again.
 */
export async function readPage(
  replica: Replica,
  store: Pick<Store, 'bodies'>,
  subject: string,
  from: From,
  limit: PageLimit,
): Promise<Page | undefined> {
  const lowest = 'after' in from ? from.after : Math.max(0, replica.index.head - from.newest)
  if (lowest < replica.index.from) await replica.loadAll()
  const { index } = replica
  if (lowest < index.from) return undefined
  const { epoch, head, floor } = index
  const { refs, after, through } = index.read(from, limit)
  const numbers = [...new Set(refs.filter(({ size }) => size !== undefined).map(({ seq }) => seq))]
  numbers.sort((a, b) => a - b)
  const bodies = await store.bodies(subject, numbers)
  const lost = numbers.find(seq => !bodies.has(seq))
  if (lost !== undefined) return void (await replica.lose(index, lost))
  const changes = refs.map(({ offset, key, size, seq, start }) => ({
    offset,
    key,
    body: size === undefined ? undefined : bodies.get(seq)?.subarray(start, start + size),
  }))
  return { epoch, head, floor, after, through, changes }
}
