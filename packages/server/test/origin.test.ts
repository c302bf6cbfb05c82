import { describe, expect, it } from 'vitest'
import { Arrival } from '../src/arrival.ts'
import { anyone } from '../src/handlers.ts'
import { mayEnter, type Origins, originsOf } from '../src/origin.ts'

function enters(
  origin: string | undefined,
  host: string,
  options: { secure?: boolean; origins?: Origins } = {},
): boolean {
  const headers = { host, ...(origin === undefined ? {} : { origin }) }
  return mayEnter(originsOf(options.origins), new Arrival({ headers, secure: options.secure }), false)
}

describe('without being told, only the own origin may open a socket', () => {
  it.each([
    ['the same', 'https://example.com', 'example.com', true],
    ['the same, in plain text', 'http://example.com', 'example.com', true],
    ['the same port', 'http://localhost:3000', 'localhost:3000', true],
    ['the default port spelt out by the client', 'https://example.com', 'example.com:443', true],
    ['an address', 'http://[::1]:3000', '[::1]:3000', true],
    ['no origin: no browser', undefined, 'example.com', true],
    ['another site', 'https://evil.com', 'example.com', false],
    ['null', 'null', 'example.com', false],
    ['a file', 'file://', 'example.com', false],
    ['nothing', '', 'example.com', false],
    ['a longer name', 'https://evil-example.com', 'example.com', false],
    ['a name that goes on', 'https://example.com.evil.com', 'example.com', false],
    ['a subdomain', 'https://sub.example.com', 'example.com', false],
    ['a dot at the end', 'https://example.com.', 'example.com', false],
    ['another port', 'https://example.com:8443', 'example.com', false],
    ['another case, which no browser sends', 'https://EXAMPLE.com', 'example.com', false],
    ['a cyrillic е', 'https://еxample.com', 'example.com', false],
    ['the same in punycode', 'https://xn--xample-2of.com', 'example.com', false],
    ['a user before it', 'https://example.com@evil.com', 'example.com', false],
    ['a path behind it', 'https://evil.com/example.com', 'example.com', false],
    ['another scheme', 'ftp://example.com', 'example.com', false],
  ])('%s', (_, origin, host, entered) => {
    expect(enters(origin, host)).toBe(entered)
  })

  it('where TLS ends here, plain pages are not the own origin', () => {
    expect(enters('http://example.com', 'example.com', { secure: true })).toBe(false)
    expect(enters('https://example.com', 'example.com', { secure: true })).toBe(true)
  })

  it('without a Host, nothing is', () => {
    expect(mayEnter(originsOf(), new Arrival({ headers: { origin: 'https://example.com' } }), false)).toBe(false)
  })
})

describe('a proxy in front', () => {
  const headers = {
    origin: 'https://example.com',
    host: 'backend:3000',
    'x-forwarded-host': 'evil.com, example.com',
    'x-forwarded-proto': 'https',
  }

  it('is believed where it is trusted, as far as the nearest one wrote it', () => {
    expect(mayEnter(originsOf(), new Arrival({ headers }), true)).toBe(true)
    expect(mayEnter(originsOf(), new Arrival({ headers: { ...headers, origin: 'https://evil.com' } }), true)).toBe(
      false,
    )
  })

  it('is not believed where it is not', () => {
    expect(mayEnter(originsOf(), new Arrival({ headers }), false)).toBe(false)
  })
})

describe('origins that were told', () => {
  const origins = ['https://app.example.com', 'capacitor://localhost']

  it('may open a socket, and no others', () => {
    expect(enters('https://app.example.com', 'api.example.com', { origins })).toBe(true)
    expect(enters('capacitor://localhost', 'api.example.com', { origins })).toBe(true)
    expect(enters('https://api.example.com', 'api.example.com', { origins })).toBe(false)
    expect(enters('https://api.example.com', 'api.example.com', { origins: ['self', ...origins] })).toBe(true)
    expect(enters('https://app.example.com:444', 'api.example.com', { origins })).toBe(false)
  })

  it('may be anyone', () => {
    expect(enters('null', 'example.com', { origins: anyone })).toBe(true)
  })

  it.each([
    'null',
    '*',
    'example.com',
    'https://example.com/',
    'https://Example.com',
    'https://example.com:443',
    'file://',
  ])('must be as a browser writes them: %s', origin => {
    expect(() => originsOf([origin])).toThrow('origins: ')
  })
})
