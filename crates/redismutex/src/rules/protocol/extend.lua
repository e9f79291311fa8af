-- extend.lua: let the lease last for a new time from now. Never makes a record that is gone.
--
-- A renewal that comes late, by another connection than an extension to more, must not cut that short.
--
-- KEYS[1] lock, KEYS[2] grant (see common.lua)
-- ARGV[1] token   owner token of the holder
-- ARGV[2] expiry  ms from now
-- ARGV[3] kept    ms that the last fence is kept
-- ARGV[4] exact   1: replaces what is left; else it is left alone where it is more
-- returns 1 it lasts for expiry at least, 0 not ours any more

local holder = redis.pcall('GET', KEYS[1])
if type(holder) == 'table' then return holder end
if holder ~= ARGV[1] then return 0 end
if ARGV[4] ~= '1' and redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[2]) then return 1 end
local extended = redis.pcall('PEXPIRE', KEYS[1], ARGV[2])
if type(extended) == 'table' then return extended end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
