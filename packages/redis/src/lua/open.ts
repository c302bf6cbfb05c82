import { BASE } from './base.ts'

/**
 * How every script begins: it reads the channel's meta key, and gives the channel a new epoch where its memory may have
 * lost a change that somebody was told of (docs/brokers.md, "Epochs").
 *
 * `KEYS`: the meta key, then those of the memory. `ARGV` 1–12: count, ms (0: for ever), bytes, run, whether a restart
 * loses nothing, an epoch to begin if need be, ms that a test's clock is ahead, the command and the channel of the feed,
 * and the newest position that the asking process knows of, with the run in which it learned that.
 */
export const OPEN = `
${BASE}
local META = KEYS[1]
local COUNT, MS, BYTES = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local DAY, MINUTE = 86400000, 60000
local floor, kept, bytes, gone, last, due
local durable
local changed = false

local function cost(body, key)
  return 128 + body + 2 * key
end

local function runOf()
  if ARGV[4] ~= '' then return ARGV[4], ARGV[5] == '1' end
  local id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local aof = string.match(redis.call('INFO', 'persistence'), 'aof_enabled:(%d)')
  return string.sub(id, 1, 12), aof == '1'
end

local function begin()
  redis.call('UNLINK', unpack(KEYS, 1, KEEP))
  epoch, head, floor, kept, bytes, gone, last, due = ARGV[6], 0, 0, 0, 0, 0, 0, 0
  redis.call('HSET', META, 'epoch', epoch, 'run', run, 'base', 0, 'before', run)
  changed = true
end

local function mayHaveLost(base, before)
  if ARGV[10] ~= epoch or ARGV[12] == run then return false end
  return tonumber(ARGV[11]) > base or ARGV[12] ~= before
end

local function open(whole)
  run, durable = runOf()
  local meta = redis.call('HMGET', META,
    'epoch', 'head', 'floor', 'kept', 'bytes', 'gone', 'last', 'due', 'run', 'base', 'before')
  epoch = meta[1]
  if not epoch or not meta[2] or (meta[9] ~= run and not durable) then return begin() end
  head, floor, kept, bytes = tonumber(meta[2]), tonumber(meta[3]), tonumber(meta[4]), tonumber(meta[5])
  gone, last, due = tonumber(meta[6]), tonumber(meta[7]), tonumber(meta[8])
  local base, before = tonumber(meta[10]), meta[11]
  if meta[9] ~= run then
    base, before = head, meta[9]
    redis.call('HSET', META, 'run', run, 'base', int(base), 'before', before)
  end
  if mayHaveLost(base, before) or not whole() then begin() end
end

local function save()
  if not changed then return end
  redis.call('HSET', META, 'head', int(head), 'floor', int(floor), 'kept', int(kept), 'bytes', int(bytes),
    'gone', int(gone), 'last', int(last), 'due', int(due))
end

local function lastFor(key, ms)
  if ms then redis.call('PEXPIRE', key, int(ms)) else redis.call('PERSIST', key) end
end
`
