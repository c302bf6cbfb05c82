import { BASE } from './base.ts'

/**
 * How every script begins: it reads the channel's meta key, and gives the channel a new epoch where its memory may have
 * lost a change that somebody was told of (docs/brokers.md, "Epochs").
 *
 * `KEYS`: the meta key, then those of the memory.
 */
export const OPEN = `
${BASE}
local META = KEYS[1]
local DAY, MINUTE = 86400000, 60000
local floor, kept, bytes, gone, last, due
local stored = {}

local function cost(body, key)
  return 128 + body + 2 * key
end

-- In a cluster nobody but the script knows who runs it.
local function runOf()
  if RUN ~= '-' then return RUN end
  return string.sub(string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), 1, 12)
end

local function isDurable()
  if RUN ~= '-' then return DURABLE == '1' end
  return string.match(redis.call('INFO', 'persistence'), 'aof_enabled:(%d)') == '1'
end

local function begin()
  redis.call('UNLINK', unpack(KEYS, 1, KEEP))
  epoch = string.sub(redis.sha1hex(SEED .. META .. time[1] .. '.' .. time[2]), 1, 16)
  head, floor, kept, bytes, gone, last, due, stored = 0, 0, 0, 0, 0, 0, 0, {}
  redis.call('HSET', META, 'epoch', epoch, 'run', run, 'base', 0, 'before', run)
end

local function mayHaveLost(base, before)
  if KNOWN_EPOCH ~= epoch or KNOWN_RUN == run then return false end
  return tonumber(KNOWN_HEAD) > base or KNOWN_RUN ~= before
end

local function open(whole)
  run = runOf()
  local meta = redis.call('HMGET', META,
    'epoch', 'head', 'floor', 'kept', 'bytes', 'gone', 'last', 'due', 'run', 'base', 'before')
  epoch = meta[1]
  if not epoch or not meta[2] or (meta[9] ~= run and not isDurable()) then return begin() end
  head, floor, kept, bytes = tonumber(meta[2]), tonumber(meta[3]), tonumber(meta[4]), tonumber(meta[5])
  gone, last, due = tonumber(meta[6]), tonumber(meta[7]), tonumber(meta[8])
  stored = { head = head, floor = floor, kept = kept, bytes = bytes, gone = gone, last = last, due = due }
  local base, before = tonumber(meta[10]), meta[11]
  if meta[9] ~= run then
    base, before = head, meta[9]
    redis.call('HSET', META, 'run', run, 'base', int(base), 'before', before)
  end
  if mayHaveLost(base, before) or not whole() then begin() end
end

local function save()
  local fields = {}
  local function field(name, number)
    if stored[name] ~= number then fields[#fields + 1], fields[#fields + 2] = name, int(number) end
  end
  field('head', head) field('floor', floor) field('kept', kept) field('bytes', bytes)
  field('gone', gone) field('last', last) field('due', due)
  if #fields > 0 then redis.call('HSET', META, unpack(fields)) end
end

local function lastFor(key, ms)
  if ms then redis.call('PEXPIRE', key, int(ms)) else redis.call('PERSIST', key) end
end
`
