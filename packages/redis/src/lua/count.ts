/** `KEYS`: the count of a name. `ARGV`: points to add, and ms after which all are forgotten. */
export const COUNT = `
local points = redis.call('INCRBYFLOAT', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return { points, left }
`
