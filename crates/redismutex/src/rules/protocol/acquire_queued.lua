
-- The rest of acquire.lua: somebody has the lock or waits for it.

local token, expiry, me, window = ARGV[1], ARGV[2], ARGV[5], tonumber(ARGV[6])

local function granted() return next_fence(ARGV[3], ARGV[4]) end

local holder = redis.pcall('GET', lock)
if refused(holder) then return holder end
if holder == token then
  -- A reply or a push was lost on its way, or the lock was kept for us.
  if me then leave_queue(me) end
  redis.call('PEXPIRE', lock, expiry)
  return granted()
end

if not holder then
  -- Free, and others came first: the holder died. Whoever asks first runs the hand-off for everybody.
  holder = pass_on(me)
  if not holder then
    local set = redis.pcall('SET', lock, token, 'PX', expiry)
    if refused(set) then return set end
    if me then leave_queue(me) end
    return granted()
  end
end

local rank = -1
if me then
  local added = redis.pcall('ZADD', queue, 'NX', now_us(), me)
  if refused(added) then return added end
  redis.call('PEXPIRE', queue, QUEUE_KEPT_MS)
  if window > 0 then
    redis.call('ZADD', seen, now_ms() + window, me)
    redis.call('PEXPIRE', seen, QUEUE_KEPT_MS)
  end
  rank = redis.call('ZRANK', queue, me)
end
local last = redis.call('GET', grant)
local start = last and string.match(last, '^%d+ %d+ ()')
local ours = start and string.sub(last, start, start + #holder - 1) == holder
return { now_us(), redis.call('PTTL', lock), rank, ours and 0 or 1 }
