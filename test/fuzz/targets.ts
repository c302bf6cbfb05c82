import { fuzzCodec } from '../../packages/core/test/fuzz/codec.ts'
import { bytesToPort } from './bytes.ts'
import { channels } from './channels.ts'
import { framesToClient } from './frames-to-client.ts'
import { framesToServer } from './frames-to-server.ts'
import type { FuzzTarget } from './target.ts'

/** A hundred messages at a time through scan, rules, decoders and `parseFrame`, which have to agree. */
const codec: FuzzTarget = {
  name: 'codec',
  async begin() {
    return {
      play: random => void fuzzCodec({ seed: random.int(2 ** 31), inputs: 100 }),
      async end() {},
    }
  },
}

/** Everything that takes input from strangers. */
export const targets: readonly FuzzTarget[] = [codec, framesToServer, framesToClient, bytesToPort, channels]
