-- Sets all keys of a generation but its rows, which always expire, to last or to expire, a piece of the groups at a
-- time; a live generation's never expire. Answers where the next piece begins, 0 when there is none.
--
-- Keys: live. Arguments: base, seconds (empty for lasting), generation, where the piece begins, how many groups.
typed(KEYS[1], 'string')
if not sound() then return oddity() end
local seconds = ARGV[2]
if seconds ~= '' and redis.call('GET', KEYS[1]) == ARGV[3] then return {'ok', '0'} end
local function last(name)
    if seconds == '' then
        redis.call('PERSIST', base .. name)
    else
        redis.call('EXPIRE', base .. name, seconds)
    end
end
if ARGV[4] == '0' then
    local names = {'owner', 'through', 'crowded', 'since', 'hot', 'stale', 'top', 'groups', 'grouped'}
    for _, name in ipairs(names) do last(name) end
end
local page = redis.call('SSCAN', base .. 'groups', ARGV[4], 'COUNT', ARGV[5])
for _, group in ipairs(page[2]) do last(group) end
return {'ok', page[1]}
