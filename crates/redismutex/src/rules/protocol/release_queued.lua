
-- The rest of release.lua: somebody waits, or did until now.

if not head[1] then
  -- The first in the queue gave up: the next one has to know that it is on watch now.
  tell_first(0)
  return type(holder) == 'table' and holder or 0
end
while head[1] do
  if hand_to(head[1]) then
    -- Those behind one who waited for long sleep long.
    if now_us - head[2] > SLOW_US then tell_first(call('PTTL', lock)) end
    return 1
  end
  head = call('ZPOPMIN', queue)
end
call('DEL', lock)
return 1
