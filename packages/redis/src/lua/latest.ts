import { PUBLICATION } from './base.ts'
import { opening } from './open.ts'

/**
 * The newest of each key: sorted sets of keys by offset (`order`: messages, `gone`: retractions), a hash of their bodies,
 * each behind the time until which it lasts at the most, and a sorted set of what is due when.
 */
const LATEST = `
${opening(5, ['floor', 'kept', 'bytes', 'gone'])}
local ORDER, GONE, VALUES, DUE = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local RETRACTIONS, RETRACTION_MS = 1000, 600000

local function whole()
  return redis.call('ZCARD', ORDER) == kept and redis.call('HLEN', VALUES) == kept
    and redis.call('ZCARD', GONE) == gone and redis.call('ZCARD', DUE) == kept + gone
end

local function forget(key, offset)
  if offset == head then return end
  redis.call('ZREM', GONE, key)
  redis.call('ZREM', DUE, key)
  gone, floor = gone - 1, math.max(floor, offset)
end

local function retract(key)
  kept, bytes = kept - 1, bytes - cost(redis.call('HSTRLEN', VALUES, key) - 8, #key)
  head, gone = head + 1, gone + 1
  redis.call('HDEL', VALUES, key)
  redis.call('ZREM', ORDER, key)
  redis.call('ZADD', GONE, int(head), key)
  redis.call('ZADD', DUE, int(now + RETRACTION_MS), key)
  if gone > RETRACTIONS then
    local oldest = redis.call('ZRANGE', GONE, 0, 0, 'WITHSCORES')
    forget(oldest[1], tonumber(oldest[2]))
  end
  tell(key, nil, int(RETRACTION_MS))
end

local function shrink()
  while kept > 0 and (kept > COUNT or bytes > BYTES) do
    retract(redis.call('ZRANGE', ORDER, 0, 0)[1])
  end
end

local function expire()
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', int(now), 'LIMIT', 0, 1000)) do
    local offset = redis.call('ZSCORE', GONE, key)
    if offset then forget(key, tonumber(offset)) else retract(key) end
  end
end

local function wait()
  local next = redis.call('ZRANGEBYSCORE', DUE, '(' .. int(now), '+inf', 'LIMIT', 0, 1, 'WITHSCORES')[2]
  if not next or next == 'inf' then return -1 end
  return math.max(0, tonumber(next) - now)
end

local function rest()
  save()
  local longest = redis.call('ZREVRANGE', DUE, 0, 0, 'WITHSCORES')[2]
  local ms = DAY
  if kept > 0 and longest == 'inf' then ms = nil
  elseif kept > 0 then ms = DAY + math.max(0, tonumber(longest) - now) end
  for i = 1, KEEP do lastFor(KEYS[i], ms) end
end
`

/** See `PUBLICATION`. `ARGV` 4 and 5: the ms of a lease, and the offset that a retraction is meant for; empty for none. */
export const PUBLISH_LATEST = `
${LATEST}
${PUBLICATION}
open(whole)
expire()
local position = head
local newest = redis.call('ZSCORE', ORDER, KEY)
if BODY then
  local lasts = MS > 0 and now + MS or math.huge
  local leased = ARGV[4] ~= '' and math.min(lasts, now + tonumber(ARGV[4])) or lasts
  local finite = leased < math.huge
  if newest then bytes = bytes - cost(redis.call('HSTRLEN', VALUES, KEY) - 8, #KEY)
  else
    kept = kept + 1
    gone = gone - redis.call('ZREM', GONE, KEY)
  end
  head, bytes = head + 1, bytes + cost(#BODY, #KEY)
  position = head
  redis.call('HSET', VALUES, KEY, struct.pack('>d', lasts) .. BODY)
  redis.call('ZADD', ORDER, int(head), KEY)
  redis.call('ZADD', DUE, finite and int(leased) or '+inf', KEY)
  tell(KEY, BODY, finite and int(leased - now) or '-')
  shrink()
elseif newest and (ARGV[5] == '' or tonumber(ARGV[5]) == tonumber(newest)) then
  position = head + 1
  retract(KEY)
end
rest()
return remember(position)
`

export const HEAD_LATEST = `
${LATEST}
open(whole)
expire()
rest()
return { epoch, head, wait(), run }
`

/** As of a log. */
export const READ_LATEST = `
${LATEST}
open(whole)
expire()
rest()
local from, most, room = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local after = from
if WHAT == 'newest' then
  local first = from > 0 and redis.call('ZREVRANGE', ORDER, from - 1, from - 1, 'WITHSCORES')[2]
  after = from == 0 and head or (first and tonumber(first) - 1 or 0)
end
local function since(zset)
  return redis.call('ZRANGEBYSCORE', zset, '(' .. int(after), '+inf', 'WITHSCORES', 'LIMIT', 0, most + 1)
end
local messages, retractions = since(ORDER), since(GONE)
local m, r, found, size = 1, 1, {}, 0
while messages[m] or retractions[r] do
  local isMessage = messages[m] and not (retractions[r] and tonumber(retractions[r + 1]) < tonumber(messages[m + 1]))
  local key = isMessage and messages[m] or retractions[r]
  local offset = isMessage and messages[m + 1] or retractions[r + 1]
  local value = isMessage and redis.call('HGET', VALUES, key) or false
  if value then size = size + #value - 8 end
  if #found > 0 and (#found / 3 >= most or size > room) then
    return { epoch, head, floor, after, tonumber(found[#found - 2]), found }
  end
  found[#found + 1], found[#found + 2], found[#found + 3] = offset, key, value
  if isMessage then m = m + 2 else r = r + 2 end
end
return { epoch, head, floor, after, head, found }
`

/** `ARGV` 2: the ms of the leases; then keys and offsets in turn. Returns the keys that are not held any more. */
export const RENEW = `
${LATEST}
open(whole)
expire()
local lost = {}
for i = 3, #ARGV, 2 do
  local newest = redis.call('ZSCORE', ORDER, ARGV[i])
  if newest and tonumber(newest) == tonumber(ARGV[i + 1]) then
    local lasts = struct.unpack('>d', redis.call('HGET', VALUES, ARGV[i]))
    redis.call('ZADD', DUE, int(math.min(lasts, now + tonumber(ARGV[2]))), ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
rest()
return lost
`
