
-- The rest of acquire.lua: the lock is ours already, or free while others wait.

local function granted()
  if me then
    call('ZREM', queue, me)
    call('ZREM', seen, me)
  end
  return next_fence(ARGV[3], ARGV[4])
end

if holder then
  -- A reply or a push was lost on its way, or the lock was kept for us. This may also be a request that comes
  -- late, after the lease was extended.
  if call('PTTL', lock) < tonumber(ARGV[2]) then call('PEXPIRE', lock, ARGV[2]) end
  return granted()
end

-- The holder died: whoever asks first runs the hand-off for everybody.
while true do
  local head = call('ZRANGE', queue, 0, 0)[1]
  if not head or head == me then
    local set = pcall('SET', lock, token, 'PX', ARGV[2])
    if set.err then return set end
    if not head and ARGV[7] == '1' then tell_all() end
    -- Out of the queue first: of the two that are told, neither is to be the caller.
    local fence = granted()
    tell_first(ARGV[2])
    return fence
  end
  call('ZREM', queue, head)
  holder = hand_to(head)
  if holder then
    -- It may have been the last one.
    no_queue = true
    tell_first(call('PTTL', lock))
    return busy(holder)
  end
end
