-- acquire.lua: take the lock, or wait for it in the queue. Idempotent by owner token.
--
-- KEYS    lock, queue, seen, grant (see common.lua)
-- ARGV[1] token   owner token of this acquisition
-- ARGV[2] expiry  ms that the lease lasts
-- ARGV[3] owner   what follows the fence in the grant record: " <length of token> <token><label>"
-- ARGV[4] kept    ms that the last fence is kept
-- ARGV[5] waiter  this acquisition's entry in the queue; absent: do not queue
-- ARGV[6] window  ms for which a waiter that polls counts as alive; 0: it is reached by push
-- returns fence                                          granted: the lease lasts for expiry
--         {server time us, left ms, rank, foreign}       busy; left is -1 where the record has no expiry, rank -1
--                                                        where not queued; foreign is 1 where no script granted it

-- A free lock for which nobody waits: what matters most goes first, before any function is made.
if redis.call('EXISTS', KEYS[2]) == 0 then
  local set = redis.pcall('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
  if set then
    if set.err then return set end
    local time = redis.call('TIME')
    local fence = time[1] .. string.sub('00000' .. time[2], -6)
    local last = redis.call('SET', KEYS[4], fence .. ARGV[3], 'PX', ARGV[4], 'GET')
    -- As text: both begin with sixteen digits, and the record goes on after them.
    if not last or last < fence then return fence end
    fence = string.format('%.0f', string.match(last, '^%d+') + 1)
    redis.call('SET', KEYS[4], fence .. ARGV[3], 'PX', ARGV[4])
    return fence
  end
end

