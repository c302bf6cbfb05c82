import { describe, expect, it } from 'vitest'
import vectors from '../../../../docs/protocol-vectors.json' with { type: 'json' }
import { decodeMessage, decodeValue, encodeFrame, encodeValue } from '../../src/wire/codec.ts'
import { type Frame, FrameType, ProtocolError, type Side } from '../../src/wire/frames.ts'
import { parseFrame } from '../../src/wire/parse.ts'
import { SCAN_LIMITS } from '../../src/wire/scan.ts'

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The value that a vector's JSON stands for; its `notation` says how. */
function valueIn(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(valueIn)
  if (typeof json !== 'object' || json === null) return json
  const entries = Object.entries(json)
  const [key, value] = entries[0] ?? []
  switch (key) {
    case '$bytes':
      return bytesOf(String(value))
    case '$date':
      return new Date(String(value))
    case '$bigint':
      return BigInt(String(value))
    case '$number':
      return Number(value)
    case '$map':
      return new Map(valueIn(value) as [unknown, unknown][])
    case '$set':
      return new Set(valueIn(value) as unknown[])
    default:
      return Object.fromEntries(entries.map(([name, item]) => [name, valueIn(item)]))
  }
}

function framesOf(hex: string, from: Side): { frames: (Frame | undefined)[]; sizes: number[] } {
  const frames: (Frame | undefined)[] = []
  const sizes: number[] = []
  decodeMessage(bytesOf(hex), SCAN_LIMITS, (frame, size) => {
    frames.push(parseFrame(frame, from))
    sizes.push(size)
  })
  return { frames, sizes }
}

describe('the test vectors of docs/protocol.md', () => {
  it.each(vectors.frames)('$name', ({ hex, from, frame }) => {
    const expected = valueIn(frame) as Frame
    expect(hexOf(encodeFrame(expected))).toBe(hex.replaceAll(' ', ''))
    const [parsed] = framesOf(hex, from as Side).frames
    expect(parsed && hexOf(encodeFrame(parsed))).toBe(hex.replaceAll(' ', ''))
  })

  it('have every frame, from every side that sends it', () => {
    const both = ['ITEM', 'END', 'FAIL', 'CREDIT', 'UNSUBSCRIBE', 'PING', 'PONG', 'ACK', 'TOKEN']
    const server = ['WELCOME', 'SUBSCRIBED', 'MESSAGE', 'RETRACT', 'GAP', 'DRAIN']
    const expected = Object.keys(FrameType).flatMap(name =>
      both.includes(name)
        ? [`client ${name}`, `server ${name}`]
        : [`${server.includes(name) ? 'server' : 'client'} ${name}`],
    )
    expect(new Set(vectors.frames.map(({ from, name }) => `${from} ${name.split(',')[0]}`))).toEqual(new Set(expected))
  })

  it.each(vectors.values)('write and read: $name', ({ hex, value }) => {
    expect(hexOf(encodeValue(valueIn(value)).bytes)).toBe(hex)
    expect(decodeValue(bytesOf(hex))).toStrictEqual(valueIn(value))
  })

  it.each(vectors.readOnly)('read: $name', ({ hex, value }) => {
    expect(decodeValue(bytesOf(hex))).toStrictEqual(valueIn(value))
  })

  it.each(vectors.messages)('take apart: $name', ({ hex, from, sizes }) => {
    expect(framesOf(hex, from as Side).sizes).toEqual(sizes)
  })

  it.each(vectors.ignored)('ignore: $name', ({ hex, from }) => {
    expect(framesOf(hex, from as Side).frames).toEqual([undefined])
  })

  it.each(vectors.same)('mean the same: $name', ({ hex, as, from }) => {
    expect(framesOf(hex, from as Side).frames).toEqual(framesOf(as, from as Side).frames)
  })

  it.each(vectors.refused)('refuse: $name', ({ hex, from }) => {
    const sides = from ? [from as Side] : (['client', 'server'] as const)
    for (const side of sides) expect(() => framesOf(hex, side)).toThrow(ProtocolError)
  })
})
