-- inspect.lua: who holds the lock and who waits. Changes nothing.
--
-- KEYS    lock, queue, seen, grant (see common.lua)
-- ARGV[1] most  how many waiters to list
-- returns {server time us, token or nil, left ms, grant or nil, number of waiters, {waiter, ticket, waiter, ticket, ...}}

local time = redis.call('TIME')
local last = tonumber(ARGV[1]) - 1
return {
  time[1] * 1000000 + time[2],
  redis.call('GET', KEYS[1]),
  redis.call('PTTL', KEYS[1]),
  redis.call('GET', KEYS[4]),
  redis.call('ZCARD', KEYS[2]),
  last >= 0 and redis.call('ZRANGE', KEYS[2], 0, last, 'WITHSCORES') or {},
}
