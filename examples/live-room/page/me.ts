const ADJECTIVES = [
  'Amber',
  'Brisk',
  'Calm',
  'Early',
  'Gentle',
  'Keen',
  'Lucid',
  'Merry',
  'Quiet',
  'Sunny',
  'Tidy',
  'Wry',
]
const ANIMALS = [
  'Avocet',
  'Beaver',
  'Curlew',
  'Dunlin',
  'Heron',
  'Marten',
  'Otter',
  'Plover',
  'Seal',
  'Stoat',
  'Tern',
  'Vole',
]

const remembered = { name: 'tautline.name', hue: 'tautline.hue' }
const LONGEST = 24

/** Who this page is. Every tab is a visitor of its own; the name and the colour are remembered. */
export const me = {
  id: randomId(),
  hue: Number(recall(remembered.hue) ?? keep(remembered.hue, String(randomBelow(360)))),
  name: recall(remembered.name) ?? keep(remembered.name, `${oneOf(ADJECTIVES)} ${oneOf(ANIMALS)}`),

  /** Takes another name; answers whether it is one. */
  rename(name: string): boolean {
    const trimmed = name.trim().slice(0, LONGEST)
    if (trimmed === '' || trimmed === me.name) return false
    me.name = keep(remembered.name, trimmed)
    return true
  },
}

/** What the page's connections are known by where they can be cut: nobody else's business. */
export const lineKey = randomId()

/** 96 random bits, also where a page without TLS has no `crypto.randomUUID`. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

function oneOf(list: readonly string[]): string {
  return list[randomBelow(list.length)] ?? ''
}

function randomBelow(limit: number): number {
  return Math.floor(Math.random() * limit)
}

/** Storage may be forbidden; then a name lasts as long as the page. */
function recall(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined
  } catch {
    return undefined
  }
}

function keep(key: string, value: string): string {
  try {
    localStorage.setItem(key, value)
  } catch {
    // Nothing to be done about it.
  }
  return value
}
