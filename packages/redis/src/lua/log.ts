import { ONCE } from './base.ts'
import { OPEN } from './open.ts'

/** A log is a stream whose ids are offsets; `t` is when an entry was published, `k` its key, `b` its body. */
const LOG = `
local KEEP = 2
${OPEN}
local LOG = KEYS[2]

local function whole()
  local length = redis.call('XLEN', LOG)
  if length == 0 and kept > 0 and MS > 0 and last + MS <= now then kept, bytes, changed = 0, 0, true end
  return length == kept
end

local function fieldsOf(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

local function trim()
  while kept > 0 and (kept > COUNT or bytes > BYTES or (MS > 0 and due <= now)) do
    local oldest = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 2)
    local fields = fieldsOf(oldest[1])
    kept, bytes, changed = kept - 1, bytes - cost(#fields.b, #(fields.k or '')), true
    redis.call('XTRIM', LOG, 'MAXLEN', kept)
    due = oldest[2] and tonumber(fieldsOf(oldest[2]).t) + MS or 0
  end
end

local function rest()
  save()
  local alive = kept > 0 and MS > 0 and math.max(0, last + MS - now) or 0
  if kept > 0 and MS == 0 then lastFor(META) lastFor(LOG) return end
  lastFor(META, alive + DAY)
  lastFor(LOG, alive + MINUTE)
end
`

/** ARGV 13–16: `m` for a message or `g`, its body, whether it has a key, its key; 19: whether there is a key of KEYS for it. */
export const PUBLISH_LOG = `
${LOG}
${ONCE}
open(whole)
if ARGV[13] == 'm' then
  local key = ARGV[15] == '1' and ARGV[16] or nil
  head, kept, last, changed = head + 1, kept + 1, now, true
  bytes = bytes + cost(#ARGV[14], #(key or ''))
  if kept == 1 then due = now + MS end
  if key then redis.call('XADD', LOG, int(head) .. '-0', 't', int(now), 'k', key, 'b', ARGV[14])
  else redis.call('XADD', LOG, int(head) .. '-0', 't', int(now), 'b', ARGV[14]) end
  trim()
  tell(key, ARGV[14], '-')
end
rest()
return remember(head)
`

export const HEAD_LOG = `
${LOG}
open(whole)
trim()
rest()
return { epoch, head, -1, run }
`

/** ARGV 13–16: `after` or `newest`, of what number, most messages, most bytes. */
export const READ_LOG = `
${LOG}
open(whole)
trim()
rest()
local from, most, room = tonumber(ARGV[14]), tonumber(ARGV[15]), tonumber(ARGV[16])
local lowest = head - kept
local after = ARGV[13] == 'after' and from or math.max(lowest, head - from)
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
