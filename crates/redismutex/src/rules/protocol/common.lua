-- common.lua: what the scripts share that may give the lock to somebody who waits.
--
-- KEYS[1] lock    the lock record: a plain string, the owner token of the holder
-- KEYS[2] queue   sorted set: waiter -> ticket (server time in us at first arrival)
-- KEYS[3] seen    sorted set: waiter that polls -> server time in ms until which it counts as alive
-- KEYS[4] grant   string: the last grant, "<fence> <length of token> <token><label>"
--
-- A waiter is "<expiry ms> <ms that its fence is kept> <length of token> <channel> <id> <token><label>"; a channel of "-"
-- marks one that polls. A push message is "<id> <time us> <fence> <expiry ms> <length of token> <token><lock>".

-- With a time and a fence of 0 it is no grant but a hint: you are among the first now, and the expiry is what is left
-- of the lease. Who does not know of hints takes it for a grant that was over long ago. With an id of 0 and no token it is
-- for all who wait for the lock.

-- One who waited for longer has looked at its place once, and relies on what it saw then.
local SLOW_US = 250000
-- How far down the queue to look for somebody else's waiters.
local WATCHED = 9

local time = call('TIME')
-- Sixteen digits of text: a Lua number would lose them on its way into a string.
local now_us = time[1] .. string.sub('00000' .. time[2], -6)

-- Notes a grant and returns its fence: the server's time, or one more than the last where that is greater.
local function next_fence(owner, kept)
  local fence = now_us
  local last = call('SET', grant, fence .. owner, 'PX', kept, 'GET')
  if last and last >= fence then
    fence = string.format('%.0f', string.match(last, '^%d+') + 1)
    call('SET', grant, fence .. owner, 'PX', kept)
  end
  return fence
end

-- Gives the lock to a waiter that was just taken out of the queue, and returns its token; nil where it is dead.
-- A script that has written is not refused a SET for want of memory, so a hand-off cannot stop half way.
local function hand_to(waiter)
  local expiry, kept, length, channel, id, start = string.match(waiter, '^(%d+) (%d+) (%d+) (%S+) (%d+) ()')
  if not expiry then return nil end
  local token = string.sub(waiter, start, start + length - 1)
  if channel == '-' then
    -- Nobody hears a message: keep the lock for it as long as it counts as alive; its next poll takes it.
    local alive_until = call('ZSCORE', seen, waiter) or 0
    local left = alive_until - time[1] * 1000 - math.floor(time[2] / 1000)
    call('ZREM', seen, waiter)
    if left <= 0 then return nil end
    -- It counts as alive by a clock that may have been set back since.
    left = math.min(left, tonumber(expiry))
    call('SET', lock, token, 'PX', left)
    return token
  end
  call('SET', lock, token, 'PX', expiry)
  local owner = ' ' .. length .. ' ' .. string.sub(waiter, start)
  local fence = next_fence(owner, kept)
  local message = id .. ' ' .. now_us .. ' ' .. fence .. ' ' .. expiry .. ' ' .. length .. ' ' .. token .. lock
  local heard = pcall('PUBLISH', channel, message)
  -- Nobody on the channel: its process is gone. Not allowed to know: it finds the lock its own when it looks.
  if heard == 0 then return nil end
  -- Whoever listens to patterns of channels hears it too, and is not the waiter.
  if pcall('PUBSUB', 'NUMPAT') == 0 then return token end
  return pcall('PUBSUB', 'NUMSUB', channel)[2] ~= 0 and token or nil
end

-- A waiter sleeps by the place that it had when it last asked; hand-offs bring it forward unawares. Tells the
-- first waiters of two processes, which may die together with all of theirs, how long the lease lasts.
local function tell_first(left)
  local told, count = {}, 0
  for _, waiter in ipairs(call('ZRANGE', queue, 0, WATCHED)) do
    local length, channel, id, start = string.match(waiter, '^%d+ %d+ (%d+) (%S+) (%d+) ()')
    if channel and not told[channel] then
      told[channel], count = true, count + 1
      local token = string.sub(waiter, start, start + length - 1)
      local message = id .. ' 0 0 ' .. left .. ' ' .. length .. ' ' .. token .. lock
      if channel ~= '-' then pcall('PUBLISH', channel, message) end
      if count == 2 then return end
    end
  end
end
