import { BASE } from './base.ts'

/**
 * How every script begins: it reads the channel's meta key, and gives the channel a new epoch where its memory may have
 * lost a change that somebody was told of (docs/brokers.md, "Epochs").
 *
 * `KEYS`: the meta key, then those of the memory.
 *
 * @param keep - how many keys that are.
 * @param numbers - what the meta key counts of such a memory, beside `head`: nothing else is read and written.
 * @param quickly - what is tried before all that, and returns where it could do what is asked for.
 */
export function opening(keep: number, numbers: readonly string[], quickly = ''): string {
  const all = ['head', ...numbers]
  const each = (code: (name: string, at: number) => string, between = ', ') => all.map(code).join(between)
  return `
${BASE}
local META = KEYS[1]
FEED = string.sub(META, 1, -5) .. FEED
local DAY, MINUTE = 86400000, 60000

local function cost(body, key)
  return 128 + body + 2 * key
end
${quickly}
local KEEP = ${keep}
local ${numbers.join(', ')}
-- As they were; nothing, in a new epoch.
local ${each(name => `${name}0`)}

-- In a cluster nobody but the script knows who runs it.
local function runOf()
  if RUN ~= '-' then return RUN end
  return string.sub(string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), 1, 12)
end

local function isDurable()
  if RUN ~= '-' then return string.sub(SELDOM, 1, 1) == '1' end
  return string.match(redis.call('INFO', 'persistence'), 'aof_enabled:(%d)') == '1'
end

local function begin()
  local seed = string.match(SELDOM, '^%d,([^,]+)')
  redis.call('UNLINK', unpack(KEYS, 1, KEEP))
  epoch = string.sub(redis.sha1hex(seed .. META .. time[1] .. '.' .. time[2]), 1, 16)
  ${each(name => `${name}, ${name}0`)} = ${each(() => '0, nil')}
  redis.call('HSET', META, 'epoch', epoch, 'run', run, 'base', 0, 'before', run)
end

local function mayHaveLost()
  if KNOWN_RUN == run or KNOWN_RUN == '-' then return false end
  local known, offset = string.match(SELDOM, '([^,]+),(%d+)$')
  if known ~= epoch then return false end
  local base, before = unpack(redis.call('HMGET', META, 'base', 'before'))
  return tonumber(offset) > tonumber(base) or KNOWN_RUN ~= before
end

local function open(whole)
  run = runOf()
  local meta = redis.call('HMGET', META, 'epoch', 'run', ${each(name => `'${name}'`)})
  epoch = meta[1]
  if not epoch or not meta[${all.length + 2}] or (meta[2] ~= run and not isDurable()) then return begin() end
  ${each(name => name)} = ${each((_, at) => `tonumber(meta[${at + 3}])`)}
  ${each(name => `${name}0`)} = ${each(name => name)}
  if meta[2] ~= run then redis.call('HSET', META, 'run', run, 'base', int(head), 'before', meta[2]) end
  if mayHaveLost() or not whole() then begin() end
end

local function save()
  if ${each(name => `${name} == ${name}0`, ' and ')} then return end
  redis.call('HSET', META, ${each(name => `'${name}', int(${name})`)})
end

local function lastFor(key, ms)
  if ms then redis.call('PEXPIRE', key, int(ms)) else redis.call('PERSIST', key) end
end
`
}
