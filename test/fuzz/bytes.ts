import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect } from '@tautline/client'
import { contract, procedure } from '@tautline/core'
import { encodeFrame, FrameType } from '@tautline/core/wire'
import { anyone, serve } from '@tautline/server'
import * as z from 'zod'
import { randomMessage } from '../../packages/core/test/fuzz/messages.ts'
import { upgradeLines } from '../support/upgrade.ts'
import type { FuzzTarget, Random } from './target.ts'

const desk = contract({ echo: procedure({ input: z.string(), output: z.string() }) })

const HEAD = upgradeLines()

const ODD_LINES = [
  'Origin: null',
  'Origin: http://localhost',
  'X-Forwarded-For: 1.1.1.1, \u0000',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99',
  'Sec-WebSocket-Protocol: tautline.2, tautline.1, ,',
  'Expect: 100-continue',
  `Cookie: ${'a=b; '.repeat(200)}`,
  ': x',
  'GET /live HTTP/1.1',
  '',
] as const

function requestOf(random: Random): Buffer {
  const lines = [...HEAD]
  for (let left = random.int(4); left > 0; left--) {
    const at = random.int(lines.length)
    if (random.once(2)) lines.splice(at, random.int(2), random.pick(ODD_LINES))
    else lines[at] = mutated(lines[at] ?? '', random)
  }
  return Buffer.from(`${lines.join(random.once(10) ? '\n' : '\r\n')}\r\n\r\n`, 'latin1')
}

function mutated(text: string, random: Random): string {
  const at = random.int(text.length + 1)
  return text.slice(0, at) + String.fromCharCode(...random.bytes(random.int(3))) + text.slice(at + random.int(3))
}

/** A WebSocket frame with anything in its head, and a length that may not be true. */
function webSocketFrame(random: Random): number[] {
  const payload = random.once(3) ? [...randomMessage(random)] : random.bytes(random.int(40))
  const head = random.once(3) ? random.int(256) : random.pick([0x82, 0x82, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a, 0xc2])
  const isMasked = !random.once(12)
  const length = random.once(10) ? random.int(70_000) : payload.length
  const wide = random.once(8) || length > 65_535
  const size = wide
    ? [127, 0, 0, random.once(20) ? 0x80 : 0, 0, 0, (length >> 16) & 255, (length >> 8) & 255, length & 255]
    : length > 125 || random.once(8)
      ? [126, (length >> 8) & 255, length & 255]
      : [length]
  size[0] = (size[0] ?? 0) | (isMasked ? 0x80 : 0)
  const mask = random.bytes(4)
  return [
    head,
    ...size,
    ...(isMasked ? mask : []),
    ...payload.map((byte, at) => byte ^ (isMasked ? (mask[at % 4] ?? 0) : 0)),
  ]
}

/** Bytes for the port itself: requests that are almost upgrades, and frames that are almost WebSocket's. */
export const bytesToPort: FuzzTarget = {
  name: 'bytes to a port',
  async begin() {
    const incidents: unknown[] = []
    const server = await serve(
      desk,
      { port: 0, host: '127.0.0.1', authenticate: anyone, compression: true, onError: error => incidents.push(error) },
      { echo: text => text },
    )
    const { port = 0 } = server
    const { api, connection } = connect(desk, { url: `ws://127.0.0.1:${port}/live` })
    let played = 0
    return {
      async play(random) {
        const socket = connectTcp(port, '127.0.0.1')
          .on('error', () => undefined)
          .resume()
        await once(socket, 'connect')
        const hello = encodeFrame([FrameType.HELLO, {}])
        const frames = Array.from({ length: random.int(8) }, () => webSocketFrame(random)).flat()
        const upgraded = random.once(2) ? Buffer.from([...HEAD, '', ''].join('\r\n')) : requestOf(random)
        const greeting = random.once(2) ? Buffer.of(0x82, 0x80 | hello.length, 0, 0, 0, 0, ...hello) : Buffer.alloc(0)
        const bytes = Buffer.concat([upgraded, greeting, Buffer.from(frames)])
        for (let at = 0; at < bytes.length; ) {
          const size = random.once(3) ? 1 + random.int(40) : bytes.length
          socket.write(bytes.subarray(at, at + size))
          at += size
        }
        await new Promise(resolve => setImmediate(resolve))
        random.pick([() => socket.end(), () => socket.resetAndDestroy(), () => socket.destroy()])()
        if (incidents.length > 0) throw new Error('an incident', { cause: incidents[0] })
        played += 1
        if (played % 50 === 0 && (await api.echo('here')) !== 'here') throw new Error('somebody else suffers')
      },
      async end() {
        await api.echo('here')
        connection.close()
        await server.close({ withinMs: 0 })
        const { attached, detached, unauthenticated } = server.stats().sessions
        if (attached + detached + unauthenticated > 0) throw new Error('sessions are left')
      },
    }
  },
}
