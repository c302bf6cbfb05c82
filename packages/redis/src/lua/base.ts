/**
 * What every script knows: the engine's time, and how those who follow the channel are told of a change.
 *
 * `ARGV` 1 has words, because each argument costs whoever sends it more than a word does. Of the channel: count, ms (0:
 * for ever), bytes. Ms that a test's clock is ahead, the engine's run, and the run in which the asking process learned of the
 * newest position that it knows. What is seldom needed, with commas: whether a restart of the engine loses nothing, a seed of
 * epochs, that position. Then what is asked for, the command by which the feed is told, and what its name has where the meta key
 * has `meta`: all of it where there is none. `-` stands for nothing.
 *
 * Numbers are made texts by `int`: an engine that is given a number writes it as one with a fraction, which takes it longer.
 */
export const BASE = `
local COUNT, MS, BYTES, AHEAD, RUN, KNOWN_RUN, SELDOM, WHAT, COMMAND, FEED =
  string.match(ARGV[1], '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.+)$')
COUNT, MS, BYTES = tonumber(COUNT), tonumber(MS), tonumber(BYTES)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + AHEAD
local epoch, head, run = '-', 0, '-'

local function int(number)
  return string.format('%d', number)
end

local function tell(key, body, ttl)
  local header = string.format('%s %d %s %s %s %s\\n', epoch, head, run, ttl, key and #key or '-', body and 'm' or 'g')
  redis.call(COMMAND, FEED, header .. (key or '') .. (body or ''))
end
`

/**
 * How a publication is given. What is asked for are letters: `m` for a message or `g`, `k` for a key, `o` for a key of
 * `KEYS` that remembers what was published. `ARGV` 2 and 3: body and key. What was published once is not published again.
 */
export const PUBLICATION = `
local BODY = string.find(WHAT, 'm') and ARGV[2]
local KEY = string.find(WHAT, 'k') and ARGV[3]
local ONCE = string.find(WHAT, 'o') and KEYS[#KEYS]
local before = ONCE and redis.call('GET', ONCE)
if before then
  local till, known, offset = string.match(before, '^(%d+) (%S+) (%d+)$')
  if tonumber(till) > now then return { known, tonumber(offset) } end
end

local function remember(offset)
  if ONCE then
    redis.call('SET', ONCE, string.format('%d %s %d', now + 120000, epoch, offset), 'PX', 120000)
  end
  return { epoch, offset }
end
`

/** Without memory: a message is told and forgotten. Where there is no `o`, the engine's own command does. */
export const PUBLISH_NONE = `
${BASE}
${PUBLICATION}
tell(KEY, BODY, '-')
return remember(0)
`
