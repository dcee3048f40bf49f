-- Counts the keys of a ranking by time that are newer than a time, in all and by group, of the live generation; it changes
-- nothing. Answers nothing when the cache cannot say; the number of groups, and for each its name and its count, only if
-- all groups have a set and there are not too many to be counted in one step.
--
-- Keys: live. Arguments: what the keys of a generation begin with before its number, the time, how many groups at most.
local live = redis.call('GET', KEYS[1])
local base = live and ARGV[1] .. live .. ':'
local since = live and redis.call('GET', base .. 'since')
if not since or tonumber(ARGV[2]) < tonumber(since) then return {} end
local function count(name) return redis.call('ZCOUNT', base .. name, '(' .. ARGV[2], '+inf') end
local answer = {live, count('top')}
if redis.call('EXISTS', base .. 'crowded') == 1 then return answer end
if redis.call('SCARD', base .. 'groups') > tonumber(ARGV[3]) then return answer end
local names = redis.call('SMEMBERS', base .. 'groups')
answer[3] = #names
for _, name in ipairs(names) do
    answer[#answer + 1] = name
    answer[#answer + 1] = count(name)
end
return answer
