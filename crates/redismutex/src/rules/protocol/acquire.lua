-- acquire.lua: take the lock, or wait for it in the queue. Idempotent by owner token.
--
-- KEYS    lock, queue, seen, grant (see common.lua)
-- ARGV[1] token   owner token of this acquisition
-- ARGV[2] expiry  ms that the lease lasts
-- ARGV[3] owner   what follows the fence in the grant record: " <length of token> <token><label>"
-- ARGV[4] kept    ms that the last fence is kept
-- ARGV[5] waiter  this acquisition's entry in the queue; absent: do not queue
-- ARGV[6] window  ms for which a waiter that polls counts as alive; 0: it is reached by push
-- ARGV[7] again   1: it has queued before, and wants to know its place and more about the holder
-- returns fence                                          granted: the lease lasts for expiry
--         -server time us                                busy
--         {server time us, left ms, rank, foreign}       busy, asked again; left is -1 where the record has no expiry,
--                                                        foreign is 1 where no script granted it and so the first
--                                                        few have to poll
--
-- What is wanted most often stands first and says little: to a server, the words of an answer cost as much as commands.

local lock, queue, seen, grant = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, me = ARGV[1], ARGV[5]
local call, pcall = redis.call, redis.pcall

-- A free lock for which nobody waits, nor is known to have waited.
local no_queue = ARGV[7] ~= '1' and call('EXISTS', queue) == 0
if no_queue then
  local set = pcall('SET', lock, token, 'NX', 'PX', ARGV[2])
  if set then
    if set.err then return set end
    local time = call('TIME')
    local fence = time[1] .. string.sub('00000' .. time[2], -6)
    local last = call('SET', grant, fence .. ARGV[3], 'PX', ARGV[4], 'GET')
    -- As text: both begin with sixteen digits, and the record goes on after them.
    if not last or last < fence then return fence end
    fence = string.format('%.0f', string.match(last, '^%d+') + 1)
    call('SET', grant, fence .. ARGV[3], 'PX', ARGV[4])
    return fence
  end
end

-- Longer than any live waiter goes without asking.
local QUEUE_KEPT_MS = '120000'

-- One that has been told of its place finds nobody in the queue: the server lost its data. Whoever else waited does not
-- know of it, and nobody knows who that is: everybody who waits for this lock is told to ask.
local function tell_all()
  for _, channel in ipairs(pcall('PUBSUB', 'CHANNELS', 'redismutex:*')) do
    pcall('PUBLISH', channel, '0 0 0 0 0 ' .. lock)
  end
end

local function busy(holder)
  local time = call('TIME')
  local now = time[1] .. string.sub('00000' .. time[2], -6)
  if not me then return '-' .. now end
  local added = pcall('ZADD', queue, 'NX', now, me)
  if type(added) == 'table' then return added end
  if ARGV[6] ~= '0' then
    call('ZADD', seen, time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[6], me)
    call('PEXPIRE', seen, QUEUE_KEPT_MS)
  end
  if no_queue or ARGV[7] == '1' then call('PEXPIRE', queue, QUEUE_KEPT_MS) end
  if ARGV[7] ~= '1' then return '-' .. now end
  local rank, foreign = call('ZRANK', queue, me), 0
  if added == 1 and rank == 0 then tell_all() end
  if rank <= 2 then
    local last = call('GET', grant)
    local start = last and string.match(last, '^%d+ %d+ ()')
    if not start or string.sub(last, start, start + #holder - 1) ~= holder then foreign = 1 end
  end
  return { now, call('PTTL', lock), rank, foreign }
end

local holder = pcall('GET', lock)
if type(holder) == 'table' then return holder end
if holder and holder ~= token then return busy(holder) end
