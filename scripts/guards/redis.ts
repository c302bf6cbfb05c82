import { BROKER_SUITE, ENGINE_SUITE, type Guard } from './guard.ts'

const REDIS = 'packages/redis/src'
const inRedis = (name: string) => `packages/redis/test/${name}.test.ts`

/** What keeps positions, epochs and bounds true on Redis, whose own streams have none of them. Its tests need a redis-server. */
export const redisGuards: readonly Guard[] = [
  {
    does: 'takes the short way only where nothing is missing',
    file: `${REDIS}/lua/log.ts`,
    find: " and redis.call('XLEN', KEYS[2]) == kept then",
    replace: ' then',
    test: inRedis('broker'),
    name: 'a log of which somebody else has trimmed something begins a new epoch',
  },
  {
    does: 'takes the short way only where nothing has to be dropped',
    file: `${REDIS}/lua/log.ts`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it stands there so
    find: 'kept <= COUNT + ${SPARE} and bytes <= BYTES and ',
    replace: '',
    test: inRedis('broker'),
    name: 'a log is trimmed some messages at a time',
  },
  {
    does: 'takes the short way only where there is no key',
    file: `${REDIS}/lua/log.ts`,
    find: "if WHAT == 'm' and (KNOWN_RUN",
    replace: 'if (KNOWN_RUN',
    test: inRedis('suite'),
    name: 'numbers changes by one',
    suite: BROKER_SUITE,
  },
  {
    does: 'keeps what ends for as long as its newest message lasts',
    file: `${REDIS}/lua/log.ts`,
    find: "        redis.call('PEXPIRE', KEYS[2], int(MS + MINUTE))\n",
    replace: '',
    test: inRedis('broker'),
    name: 'each message of a log with an end puts off the end of its keys',
  },
  {
    does: 'notices that an engine came back with less',
    file: `${REDIS}/lua/open.ts`,
    find: 'if mayHaveLost() or not whole() then begin() end',
    replace: 'if not whole() then begin() end',
    test: inRedis('failover'),
    name: 'that takes over without the last that there was',
  },
  {
    does: 'begins anew on another engine that keeps no file',
    file: `${REDIS}/lua/open.ts`,
    find: ' or (meta[2] ~= run and not isDurable())',
    replace: '',
    test: inRedis('failover'),
    name: 'that takes over, and no append-only file',
  },
  {
    does: 'does not publish again what an idempotency key was given for',
    file: `${REDIS}/lua/base.ts`,
    find: 'if tonumber(till) > now then return { known, tonumber(offset) } end',
    replace: '',
    test: inRedis('suite'),
    name: 'the same key is published once, and gets the same position',
    suite: BROKER_SUITE,
  },
  {
    does: 'refuses what is larger than all that a channel may keep',
    file: `${REDIS}/redis.ts`,
    find: 'if (body && body.length > this.#settings.channelBytes) {',
    replace: 'if (false) {',
    test: inRedis('suite'),
    name: 'refuses a message larger than all that a channel may keep',
    suite: ENGINE_SUITE,
  },
]
