import { PUBLICATION } from './base.ts'
import { opening } from './open.ts'

/** How many messages, and how many ms, whoever publishes leaves beyond what may be kept, for the next ones to drop. */
const SPARE = 'math.min(64, math.floor(COUNT / 8))'
const SPARE_MS = 'math.min(1000, MS / 8)'

/** A log is a stream whose ids are offsets; `t` is when an entry was published, `k` its key, `b` its body. */
const logOf = (quickly?: string) => `
${opening(2, ['kept', 'bytes', 'last', 'due'], quickly)}
local LOG = KEYS[2]

local function whole()
  local length = redis.call('XLEN', LOG)
  if length == 0 and kept > 0 and MS > 0 and last + MS <= now then kept, bytes = 0, 0 end
  return length == kept
end

local function fieldsOf(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

-- An entry is t and its time, k and its key if it has one, b and its body: whoever publishes pays for every step here.
local function dueOf(entry)
  return tonumber(entry[2][2]) + MS
end

local function costOf(entry)
  local fields = entry[2]
  return cost(#fields[#fields], #fields == 6 and #fields[4] or 0)
end

local function tooMany()
  return kept > COUNT or bytes > BYTES or (MS > 0 and due <= now)
end

-- Some at a time: all of them have to be looked at, and nobody else is answered meanwhile.
local function trim()
  if MS > 0 and kept > 0 and due == 0 then due = dueOf(redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]) end
  local some = math.max(1, kept - COUNT)
  while kept > 0 and tooMany() do
    some = math.max(1, math.min(some, 64, math.floor(65536 * kept / bytes)))
    local oldest = redis.call('XRANGE', LOG, '-', '+', 'COUNT', MS > 0 and some + 1 or some)
    for i = 1, some do
      if not oldest[i] or not tooMany() then break end
      kept, bytes = kept - 1, bytes - costOf(oldest[i])
      due = MS > 0 and oldest[i + 1] and dueOf(oldest[i + 1]) or 0
    end
    redis.call('XTRIM', LOG, 'MAXLEN', kept)
    some = some * 2
  end
end

-- Whoever publishes leaves a few for the next ones, who drop them together; whoever reads does not see them.
local function trimSometimes()
  if kept > COUNT + ${SPARE} or bytes > BYTES or (MS > 0 and due + ${SPARE_MS} <= now) then trim() end
end

-- What has no end is due at 0: once it is stored so, its keys have no end either.
local function rest()
  local endless = kept > 0 and MS == 0
  if endless then due = 0 end
  local known = endless and due0 == 0 and kept0 > 0
  save()
  if known then return end
  if endless then lastFor(META) lastFor(LOG) return end
  local alive = kept > 0 and math.max(0, last + MS - now) or 0
  lastFor(META, alive + DAY)
  lastFor(LOG, alive + MINUTE)
end
`

/**
 * Nearly always the engine and its memory are as they were, nothing has to be dropped, and no more is asked for than that a
 * message is kept and told. Then this is what all of the below comes to: to make its functions would take as long again.
 */
const PUBLISH_QUICKLY = `
if WHAT == 'm' and (KNOWN_RUN == RUN or KNOWN_RUN == '-') then
  local meta = redis.call('HMGET', META, 'epoch', 'run', 'head', 'kept', 'bytes', 'due')
  local kept, due = tonumber(meta[4] or 0), tonumber(meta[6] or 0)
  if meta[1] and meta[2] == RUN and kept > 0 and redis.call('XLEN', KEYS[2]) == kept then
    local bytes = meta[5] + cost(#ARGV[2], 0)
    kept = kept + 1
    local isEndless = MS == 0 and due == 0
    local isYoung = MS > 0 and due + ${SPARE_MS} > now
    if kept <= COUNT + ${SPARE} and bytes <= BYTES and (isEndless or isYoung) then
      epoch, head, run = meta[1], meta[3] + 1, RUN
      redis.call('XADD', KEYS[2], int(head) .. '-0', 't', int(now), 'b', ARGV[2])
      tell(nil, ARGV[2], '-')
      redis.call('HSET', META, 'head', int(head), 'kept', int(kept), 'bytes', int(bytes), 'last', int(now))
      if isYoung then
        redis.call('PEXPIRE', META, int(MS + DAY))
        redis.call('PEXPIRE', KEYS[2], int(MS + MINUTE))
      end
      return { epoch, head }
    end
  end
end
`

/** See `PUBLICATION`. */
export const PUBLISH_LOG = `
${logOf(PUBLISH_QUICKLY)}
${PUBLICATION}
open(whole)
if BODY then
  head, kept, last = head + 1, kept + 1, now
  bytes = bytes + cost(#BODY, #(KEY or ''))
  if kept == 1 then due = now + MS end
  if KEY then redis.call('XADD', LOG, int(head) .. '-0', 't', int(now), 'k', KEY, 'b', BODY)
  else redis.call('XADD', LOG, int(head) .. '-0', 't', int(now), 'b', BODY) end
  trimSometimes()
  tell(KEY, BODY, '-')
end
rest()
return remember(head)
`

export const HEAD_LOG = `
${logOf()}
open(whole)
trim()
rest()
return { epoch, head, -1, run }
`

/** Asked for is `after` or `newest`; `ARGV` 2–4: of what number, most messages, most bytes. */
export const READ_LOG = `
${logOf()}
open(whole)
trim()
rest()
local from, most, room = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local lowest = head - kept
local after = WHAT == 'after' and from or math.max(lowest, head - from)
local next, through, found, size = math.max(after, lowest) + 1, head, {}, 0
while next <= head do
  local entries = redis.call('XRANGE', LOG, int(next), '+', 'COUNT', 16)
  for _, entry in ipairs(entries) do
    local fields = fieldsOf(entry)
    size = size + #fields.b
    if #found > 0 and (#found / 3 >= most or size > room) then
      return { epoch, head, lowest, after, tonumber(found[#found - 2]), found }
    end
    local offset = string.match(entry[1], '^%d+')
    found[#found + 1], found[#found + 2], found[#found + 3] = offset, fields.k or false, fields.b
    next = tonumber(offset) + 1
  end
  if #entries == 0 then break end
end
return { epoch, head, lowest, after, through, found }
`
