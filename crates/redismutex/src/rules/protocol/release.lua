-- release.lua: give the lock back, or give up waiting for it. Hands the lock to the next live waiter in the same step.
--
-- KEYS    lock, queue, seen, grant (see common.lua)
-- ARGV[1] token   owner token of this acquisition
-- ARGV[2] waiter  this acquisition's entry in the queue, to be taken out; absent: it never queued
-- returns 1 it was ours and is released, 0 it was not ours (and nothing but the queue entry was touched)

if ARGV[2] then
  redis.call('ZREM', KEYS[2], ARGV[2])
  redis.call('ZREM', KEYS[3], ARGV[2])
end
local holder = redis.pcall('GET', KEYS[1])
if holder ~= ARGV[1] then return type(holder) == 'table' and holder or 0 end
if redis.call('EXISTS', KEYS[2]) == 0 then return redis.pcall('DEL', KEYS[1]) end

