
-- The rest of release.lua: somebody waits.

while head[1] do
  if hand_to(head[1]) then return 1 end
  head = redis.call('ZPOPMIN', queue)
end
redis.call('DEL', lock)
return 1
