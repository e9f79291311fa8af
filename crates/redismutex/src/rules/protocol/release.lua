-- release.lua: give the lock back, or give up waiting for it. Hands the lock to the next live waiter in the same step.
--
-- KEYS    lock, queue, seen, grant (see common.lua)
-- ARGV[1] token   owner token of this acquisition
-- ARGV[2] waiter  this acquisition's entry in the queue, to be taken out; empty: it never queued
-- returns 1 it was ours and is released, 0 it was not ours (and nothing but the queue entry was touched)

if ARGV[2] ~= '' then leave_queue(ARGV[2]) end
local holder = redis.pcall('GET', lock)
if refused(holder) then return holder end
if holder ~= ARGV[1] then return 0 end
if not pass_on('') then
  local deleted = redis.pcall('DEL', lock)
  if refused(deleted) then return deleted end
end
return 1
