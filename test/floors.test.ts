import { expect, test } from 'vitest'
import { violations } from '../scripts/floors.ts'

test.each([
  ['packages/client/src/call.ts', "import { serve } from '@tautline/server'", 'client may not import server'],
  ['packages/core/src/contract.ts', "import type { Api } from '@tautline/client'", 'core may not import client'],
  ['packages/server/src/hub.ts', "import { WebSocket } from 'ws'", 'only packages/server/src/ws.ts'],
  [
    'packages/client/src/call.ts',
    "const codec = await import('@msgpack/msgpack')",
    'only packages/core/src/wire/codec.ts',
  ],
  ['packages/core/src/schema.ts', "export { inspect } from 'node:util'", 'core may not need Node'],
  ['packages/client/src/call.ts', "import '../../core/src/errors.ts'", 'leaves the package'],
  ['packages/client/src/call.ts', 'await Promise.race([answer, deadline])', 'keeps whatever is raced'],
  ['packages/client/src/call.ts', 'const signal = AbortSignal.any([a, b])', 'keeps a listener for each call'],
  ['packages/server/src/call.ts', 'const signal = AbortSignal.timeout(5_000)', 'or a timer'],
  ['packages/server/src/session.ts', 'this.#timer = setInterval(this.#beat, 1_000)', 'one Sweep looks after everybody'],
  ['packages/server/src/session.ts', 'setTimeout(() => this.close(), 1_000)', 'time comes from a Clock'],
  ['packages/new/src/index.ts', '', 'no floor is given for packages/new'],
])('%s refuses %s', (file, source, complaint) => {
  expect(violations(file, source)).toEqual([expect.stringContaining(complaint)])
})

test.each([
  ['packages/client/src/call.ts', "import { Peer } from '@tautline/core/wire'"],
  ['packages/client/src/websocket.node.ts', "import { WebSocket } from 'ws'"],
  ['packages/server/src/ws.ts', "import { createServer } from 'node:http'"],
  ['packages/core/src/wire/codec.ts', "import { Encoder } from '@msgpack/msgpack'"],
  ['packages/core/src/wire/clock.ts', 'setTimeout: (run, ms) => setTimeout(run, ms),'],
  ['packages/server/src/session.ts', 'clock.setTimeout(this.#beat, 1_000)'],
  ['packages/core/src/wire/peer.ts', "import { frames } from './frames.ts' // not '@tautline/client'"],
])('%s accepts %s', (file, source) => {
  expect(violations(file, source)).toEqual([])
})
