-- release.lua: give the lock back, or give up waiting for it. Hands the lock to the next live waiter in the same step.
--
-- KEYS    lock, queue, seen, grant (see common.lua)
-- ARGV[1] token   owner token of this acquisition
-- ARGV[2] waiter  this acquisition's entry in the queue, to be taken out; absent: it never queued
-- returns 1 it was ours and is released, 0 it was not ours (and nothing but the queue entry was touched)

local lock, queue, seen, grant = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call, pcall = redis.call, redis.pcall

local first_left = false
if ARGV[2] then
  first_left = call('ZRANK', queue, ARGV[2]) == 0
  call('ZREM', queue, ARGV[2])
  call('ZREM', seen, ARGV[2])
end
local head = {}
local holder = pcall('GET', lock)
if holder == ARGV[1] then
  head = pcall('ZPOPMIN', queue)
  -- Nothing of ours stands under the queue's name: the lock is released all the same.
  if head.err or not head[1] then return call('DEL', lock) end
elseif not first_left then
  return type(holder) == 'table' and holder or 0
end

