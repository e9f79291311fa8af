-- acquire.lua: take the lock, or wait for it in the queue. Idempotent by owner token.
--
-- KEYS    lock, queue, seen, grant (see common.lua)
-- ARGV[1] token     owner token of this acquisition
-- ARGV[2] expiry    ms that the lease lasts
-- ARGV[3] label     who this is, for people; may be empty
-- ARGV[4] waiter    this acquisition's entry in the queue; empty: do not queue
-- ARGV[5] window    ms for which a waiter that polls counts as alive; 0: it is reached by push
-- ARGV[6] queue TTL ms after which a queue that nobody touches is gone
-- returns {1, server time us, left ms, fence}            granted
--         {0, server time us, left ms, rank, foreign}    busy; left is -1 where the record has no expiry, rank -1 where
--                                                        not queued; foreign 1 where no script of ours granted it

local token, expiry, label, me, window = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

local function granted()
  return { 1, now_us(), tonumber(expiry), next_fence(token, label, tonumber(expiry)) }
end

local head = redis.call('ZRANGE', queue, 0, 0)[1]
if not head or head == me then
  local set = redis.pcall('SET', lock, token, 'NX', 'PX', expiry)
  if refused(set) then return set end
  if set then
    if head then leave_queue(me) end
    return granted()
  end
end

local holder = redis.pcall('GET', lock)
if refused(holder) then return holder end
if holder == token then
  -- A reply or a push was lost on its way, or the lock was kept for us.
  if me ~= '' then leave_queue(me) end
  redis.call('PEXPIRE', lock, expiry)
  return granted()
end

if not holder then
  -- Free, and others came first: the holder died. Whoever asks first runs the hand-off for everybody.
  holder = pass_on(me)
  if not holder then
    redis.call('SET', lock, token, 'PX', expiry)
    if me ~= '' then leave_queue(me) end
    return granted()
  end
end

local rank = -1
if me ~= '' then
  local added = redis.pcall('ZADD', queue, 'NX', text(now_us()), me)
  if refused(added) then return added end
  redis.call('PEXPIRE', queue, ARGV[6])
  if window > 0 then
    redis.call('ZADD', seen, text(now_ms() + window), me)
    redis.call('PEXPIRE', seen, ARGV[6])
  end
  rank = redis.call('ZRANK', queue, me)
end
local last = redis.call('GET', grant)
local start = last and string.match(last, '^%d+ %d+ ()')
local ours = start and string.sub(last, start, start + #holder - 1) == holder
return { 0, now_us(), redis.call('PTTL', lock), rank, ours and 0 or 1 }
