import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Encoder } from '@msgpack/msgpack'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from '../../src/wire/frames.ts'
import { SCAN_LIMITS, Scan, scanMessage, scanValue } from '../../src/wire/scan.ts'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const repeat = (text: string, times: number): Uint8Array => hex(text.replaceAll(' ', '').repeat(times))
/** The value as the one field of a frame of type 3. */
const framed = (value: string): Uint8Array => hex(`92 03 ${value}`)

function scan(bytes: Uint8Array, limits = SCAN_LIMITS): Scan {
  const found = new Scan()
  scanMessage(bytes, limits, found)
  return found
}

/** Why a message is refused; `undefined` when it is not. */
function refusal(bytes: Uint8Array, limits = SCAN_LIMITS): string | undefined {
  try {
    scan(bytes, limits)
    return undefined
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 4500) return error.reason
    throw error
  }
}

describe('what a scan finds', () => {
  it('where each frame ends', () => {
    const found = scan(hex('91 0f  92 11 05  93 03 01 a2 6869'))
    expect([...found.ends.subarray(0, found.frames)]).toEqual([2, 5, 11])
  })

  it('more ends than it had room for', () => {
    const found = scan(repeat('91 0f', 5_000))
    expect(found.frames).toBe(5_000)
    expect([...found.ends.subarray(0, 5_000)]).toEqual(Array.from({ length: 5_000 }, (_, i) => 2 * (i + 1)))
  })

  it('whether anything is binary, how many containers there are, whether U+FFFD is among the characters', () => {
    const found = new Scan()
    scanMessage(framed('93 c4 01 00 80 a3 efbfbd'), SCAN_LIMITS, found)
    expect(found).toMatchObject({ hasBin: true, containers: 4, hasReplacement: true })
    scanMessage(framed('90'), SCAN_LIMITS, found)
    expect(found).toMatchObject({ frames: 1, hasBin: false, containers: 2, hasReplacement: false })
  })
})

describe('what is no run of frames', () => {
  it.each([
    ['nothing', ''],
    ['a number', '03'],
    ['nil', 'c0'],
    ['a map', '81 a1 61 01'],
    ['an array of nothing', '90'],
    ['an array that begins with a string', '91 a1 61'],
    ['a type in more bytes than one', '92 cc 03 01'],
    ['a negative type', '92 ff 01'],
    ['a float for a type', `91 cb ${'00'.repeat(8)}`],
    ['a frame, then a number', '91 0f 00'],
    ['a frame, then half of one', '91 0f 92 11'],
  ])('%s', (_, text) => {
    expect(refusal(hex(text))).toBeDefined()
  })

  it('but a frame may write its length in two bytes or four', () => {
    expect(refusal(hex('dc 0001 0f  dd 00000001 0f'))).toBeUndefined()
  })
})

describe('what promises more than it holds', () => {
  it.each([
    ['an array', 'dd 01ffffff'],
    ['eight arrays one in another', 'dd 01ffffff'.repeat(8)],
    ['sixteen of them', 'dd 01ffffff'.repeat(16)],
    ['thirty-two of them', 'dd 01ffffff'.repeat(32)],
    ['arrays of 65,535 elements', 'dc ffff'.repeat(8_000)],
    ['arrays of 1,000 elements', 'dc 03e8'.repeat(8_000)],
    ['the largest array', 'dd ffffffff'],
    ['the largest map', 'df ffffffff'],
    ['the longest string', 'db ffffffff'],
    ['the longest binary', 'c6 ffffffff'],
    ['the longest extension', 'c9 ffffffff ff'],
    ['a map with a key and no value', '82 a1 61 01 a1 62'],
    ['an array that is one short', '93 01 02'],
    ['a string that is one short', 'a3 6162'],
    ['a length that is cut', 'dc 00'],
    ['a float that is cut', 'cb 000000'],
    ['an extension without a type', 'd4'],
  ])('%s', (_, text) => {
    expect(refusal(framed(text))).toBeDefined()
  })

  it('a chain in which each head declares exactly the bytes that remain', () => {
    for (const size of [200, 65_536]) {
      const bytes = new Uint8Array(size)
      bytes.set([0x92, 0x03])
      const view = new DataView(bytes.buffer)
      for (let at = 2, depth = 0; depth < 31; depth++, at += 5) {
        view.setUint8(at, 0xdd)
        view.setUint32(at + 1, size - at - 5)
      }
      expect(refusal(bytes)).toBe('a message that promises more than it holds')
    }
  })
})

describe('what MessagePack or Tautline does not have', () => {
  it.each([
    ['the unused byte', 'c1'],
    ['a key that is a number', '81 01 02'],
    ['a key that is nil', '81 c0 02'],
    ['a key that is an array', '81 90 02'],
    ['a key that is binary', '81 c4 01 61 02'],
    ['a key that is an extension', '81 d6 ff 00000000 02'],
    ['the key __proto__', '81 a9 5f5f70726f746f5f5f 01'],
    ['the key __proto__, written longer', '81 d9 09 5f5f70726f746f5f5f 01'],
    ['the key __proto__, deep inside', '91 81 a1 61 81 da 0009 5f5f70726f746f5f5f 01'],
    ['2^53', 'cf 0020000000000000'],
    ['2^64 - 1', 'cf ffffffffffffffff'],
    ['-(2^53)', 'd3 ffe0000000000000'],
    ['-(2^63)', 'd3 8000000000000000'],
    ['2^53 as a signed integer', 'd3 0020000000000000'],
    ['extension 0', 'd4 00 00'],
    ['extension 4', 'c7 00 04'],
    ['extension -2', 'd4 fe 00'],
    ['extension 127', 'd5 7f 0000'],
    ['a timestamp of 5 bytes', 'c7 05 ff 0000000000'],
    ['a timestamp of 1 byte', 'd4 ff 00'],
    ['a timestamp of 16 bytes', `d8 ff ${'00'.repeat(16)}`],
    ['a timestamp of 64 bits with 10^9 ns', 'd7 ff ee6b280000000000'],
    ['a timestamp of 96 bits with 10^9 ns', 'c7 0c ff 3b9aca00 0000000000000000'],
    ['a timestamp after the last Date', 'c7 0c ff 00000000 000007dba8218001'],
    ['a timestamp one ns after the last Date', 'c7 0c ff 00000001 000007dba8218000'],
    ['a timestamp before the first Date', 'c7 0c ff 00000000 fffff82457de7fff'],
    ['a bigint of nothing', 'c7 00 01'],
    ['a bigint of a minus', 'd4 01 2d'],
    ['a bigint with a letter', 'd5 01 3161'],
    ['a bigint with a plus', 'd5 01 2b31'],
    ['a bigint with two minuses', 'c7 03 01 2d2d31'],
    ['a bigint in hexadecimal', 'd6 01 30783166'],
    ['a Map of nothing', 'c7 00 02'],
    ['a Map of a map', 'd4 02 80'],
    ['a Map with a key and no value', 'd5 02 91c0'],
    ['a Map with a key and no value, written longer', 'd6 02 dc0001c0'],
    ['a Set of a number', 'd4 03 05'],
    ['a Set that ends before its payload', 'd5 03 90c0'],
    ['a Set that goes on after its payload', '92 d4 03 91 c0'],
    ['a Set that promises more than it holds', 'd8 03 dd01ffffff dd01ffffff dd01ffffff c0'],
    ['the unused byte in a Set', 'd5 03 91c1'],
    ['a number for a key in a Map of maps', 'c7 05 02 92 c0 81 01 01'],
    ['an unknown extension in a Map', 'c7 06 02 92 c0 d4 09 00'],
  ])('%s', (_, text) => {
    expect(refusal(framed(text))).toBeDefined()
  })

  it.each([
    ['2^53 - 1', 'cf 001fffffffffffff'],
    ['-(2^53 - 1)', 'd3 ffe0000000000001'],
    ['2^53 - 1 as a signed integer', 'd3 001fffffffffffff'],
    ['-1 in eight bytes', 'd3 ffffffffffffffff'],
    ['a timestamp of 32 bits', 'd6 ff ffffffff'],
    ['a timestamp of 64 bits with 999,999,999 ns', 'd7 ff ee6b27ff ffffffff'],
    ['the last Date', 'c7 0c ff 00000000 000007dba8218000'],
    ['the first Date', 'c7 0c ff 00000000 fffff82457de8000'],
    ['a bigint', 'd5 01 2d31'],
    ['an empty Map and an empty Set', '92 d4 02 90 d4 03 90'],
    ['a Map whose keys are anything', 'c7 05 02 94 01 02 90 c0'],
    ['the keys constructor and prototype', '82 ab 636f6e7374727563746f72 01 a9 70726f746f74797065 02'],
    ['the string __proto__ that is no key', '91 a9 5f5f70726f746f5f5f'],
    ['a key written in the longest form', '81 db 00000001 61 01'],
  ])('but %s is', (_, text) => {
    expect(refusal(framed(text))).toBeUndefined()
  })
})

describe('strings that are no UTF-8', () => {
  const broken = [
    '80',
    'c0af',
    'c080',
    'c1bf',
    'c2',
    'c241',
    'e08080',
    'e09f80',
    'e282',
    'eda080',
    'edbfbf',
    'f08080af',
    'f08fbfbf',
    'f09f98',
    'f4908080',
    'f5808080',
    'ff',
    'fe',
  ]
  const whole = ['7f', 'c280', 'dfbf', 'e0a080', 'ed9fbf', 'ee8080', 'efbfbf', 'f0908080', 'f48fbfbf', '00']
  const string = (text: string, pad: number): Uint8Array => {
    const body = `${'61'.repeat(pad)}${text}${'62'.repeat(pad)}`
    return framed(`da ${(body.length / 2).toString(16).padStart(4, '0')} ${body}`)
  }

  it.each([0, 1, 31, 200, 255, 256, 257, 1_000])('are refused among %d other characters on either side', pad => {
    for (const text of broken) expect(refusal(string(text, pad)), text).toBe('a string that is no UTF-8')
    for (const text of whole) expect(refusal(string(text, pad)), text).toBeUndefined()
  })

  it('are refused wherever in memory the message begins', () => {
    for (let offset = 0; offset < 4; offset++) {
      for (const [text, safe] of [
        ['c0af', false],
        ['c280', true],
      ] as const) {
        const bytes = string(text, 300)
        const moved = new Uint8Array(bytes.length + 8).subarray(offset, offset + bytes.length)
        moved.set(bytes)
        expect(refusal(moved) === undefined).toBe(safe)
      }
    }
  })

  it('as keys too', () => {
    expect(refusal(framed('81 a2 c0af 01'))).toBe('a string that is no UTF-8')
  })
})

describe('limits, one below, at, and one above', () => {
  const nestedArrays = (depth: number): Uint8Array => framed(`${'91'.repeat(depth - 1)}01`)
  const nestedMaps = (depth: number): Uint8Array => framed(`${'81a161'.repeat(depth - 1)}01`)
  const nestedSets = (depth: number): Uint8Array => {
    let value = '01'
    for (let i = 1; i < depth; i++) value = `c9${(value.length / 2 + 1).toString(16).padStart(8, '0')}0391${value}`
    return framed(value)
  }

  it.each([
    ['arrays', nestedArrays],
    ['maps', nestedMaps],
    ['Sets', nestedSets],
  ])('%s nest 32 deep, the frame among them', (_, nested) => {
    expect(refusal(nested(31))).toBeUndefined()
    expect(refusal(nested(32))).toBeUndefined()
    expect(refusal(nested(33))).toBe('too deep')
    expect(refusal(nested(500))).toBe('too deep')
  })

  it('a value alone may nest one less', () => {
    const nested = (depth: number): Uint8Array => hex(`${'91'.repeat(depth)}01`)
    expect(() => scanValue(nested(31), SCAN_LIMITS, new Scan())).not.toThrow()
    expect(() => scanValue(nested(32), SCAN_LIMITS, new Scan())).toThrow('too deep')
  })

  it('a million arrays one in another are refused at once', () => {
    expect(refusal(repeat('91', 1_000_000))).toBe('a frame must be an array that begins with its type')
    expect(refusal(hex(`9203${'91'.repeat(1_000_000)}`))).toBe('too deep')
  })

  it('a message holds 10,000 frames', () => {
    expect(refusal(repeat('91 0f', 9_999))).toBeUndefined()
    expect(refusal(repeat('91 0f', 10_000))).toBeUndefined()
    expect(refusal(repeat('91 0f', 10_001))).toBe('too many frames')
  })

  it.each([
    ['arrays', '90', 1],
    ['maps', '80', 1],
    ['binary', 'c400', 1],
    ['bigints', 'd40131', 1],
    ['Sets with the array in each', 'd40390', 2],
  ])('a message holds 10,000 containers and one more per 4 bytes: %s', (_, one, containers) => {
    const message = (count: number): Uint8Array =>
      framed(`dd${count.toString(16).padStart(8, '0')}${one.repeat(count)}`)
    const isOver = (count: number): boolean =>
      2 + count * containers > 10_000 + Math.floor((7 + (count * one.length) / 2) / 4)
    let most = Math.floor(9_000 / (containers - one.length / 8))
    while (!isOver(most + 1)) most += 1
    expect(refusal(message(most - 1))).toBeUndefined()
    expect(refusal(message(most))).toBeUndefined()
    expect(refusal(message(most + 1))).toBe('too many containers')
  })

  it('an honest batch of small items passes', () => {
    const item = new Encoder().encode([3, 1, { x: 1 }])
    expect(refusal(new Uint8Array(Buffer.concat(Array.from({ length: 10_000 }, () => item))))).toBeUndefined()
  })

  it.each([1, 1_024, 1_025])('a bigint of %d digits, with a minus and without', digits => {
    for (const sign of ['', '2d']) {
      const data = `${sign}${'39'.repeat(digits)}`
      const bytes = framed(`c8 ${(data.length / 2).toString(16).padStart(4, '0')} 01 ${data}`)
      expect(refusal(bytes)).toBe(digits > 1_024 ? 'a bigint of no or too many digits' : undefined)
    }
  })

  it('other limits can be asked for, up to 64 deep', () => {
    expect(refusal(nestedArrays(5), { ...SCAN_LIMITS, depth: 4 })).toBe('too deep')
    expect(refusal(nestedArrays(64), { ...SCAN_LIMITS, depth: 1_000 })).toBeUndefined()
    expect(refusal(nestedSets(64), { ...SCAN_LIMITS, depth: 1_000 })).toBeUndefined()
    expect(refusal(nestedArrays(65), { ...SCAN_LIMITS, depth: 1_000 })).toBe('too deep')
    expect(refusal(repeat('91 0f', 3), { ...SCAN_LIMITS, frames: 2 })).toBe('too many frames')
    expect(refusal(framed('9490909090'), { ...SCAN_LIMITS, containers: 3 })).toBe('too many containers')
  })
})

describe('a bomb', () => {
  it('leaves a process of 256 MiB alive, and is refused in no time', async () => {
    const script = new URL('./bomb.child.ts', import.meta.url).pathname
    const run = promisify(execFile)(process.execPath, ['--max-old-space-size=256', '--import', 'tsx', script])
    const { stdout } = await run
    const { refused, accepted, slowest, grown } = JSON.parse(stdout)
    expect(accepted).toBe(0)
    expect(refused).toBeGreaterThan(1_000)
    expect(slowest).toBeLessThan(250)
    expect(grown).toBeLessThan(64 * 1024 * 1024)
  }, 30_000)
})
