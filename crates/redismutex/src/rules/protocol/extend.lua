-- extend.lua: let the lease last for a new time from now. Never makes a record that is gone.
--
-- KEYS[1] lock, KEYS[2] grant (see common.lua)
-- ARGV[1] token   owner token of the holder
-- ARGV[2] expiry  ms from now
-- ARGV[3] kept    ms that the last fence is kept
-- returns 1 extended, 0 not ours any more

local holder = redis.pcall('GET', KEYS[1])
if type(holder) == 'table' then return holder end
if holder ~= ARGV[1] then return 0 end
local extended = redis.pcall('PEXPIRE', KEYS[1], ARGV[2])
if type(extended) == 'table' then return extended end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
