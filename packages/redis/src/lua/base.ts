/** What every script knows: the engine's time, and how those who follow the channel are told of a change. */
export const BASE = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[7])
local epoch, head, run = '-', 0, '-'

local function int(number)
  return string.format('%.0f', number)
end

local function tell(key, body, ttl)
  local header = { epoch, int(head), run, ttl, key and int(#key) or '-', body and 'm' or 'g' }
  redis.call(ARGV[8], ARGV[9], table.concat(header, ' ') .. '\\n' .. (key or '') .. (body or ''))
end
`

/** What was published with an idempotency key is not published again. */
export const ONCE = `
local ONCE = ARGV[19] == '1' and KEYS[#KEYS] or nil
local before = ONCE and redis.call('GET', ONCE)
if before then
  local till, known, offset = string.match(before, '^(%d+) (%S+) (%d+)$')
  if tonumber(till) > now then return { known, tonumber(offset) } end
end

local function remember(offset)
  if ONCE then
    redis.call('SET', ONCE, int(now + 120000) .. ' ' .. epoch .. ' ' .. int(offset), 'PX', 120000)
  end
  return { epoch, offset }
end
`

/** Without memory: a message is told and forgotten. */
export const PUBLISH_NONE = `
${BASE}
${ONCE}
tell(ARGV[15] == '1' and ARGV[16] or nil, ARGV[13] == 'm' and ARGV[14] or nil, '-')
return remember(0)
`
