-- Writes changed rows: those that are newer than what is stored, hot ones to their keys and the others off them, and
-- all of them into the rankings; then trims. Answers how many rows were left out of a group's set because there are
-- too many groups, the keys of another type that it removed, and the sorted sets that have to be read from the table:
-- those that lost a key to which others may be next, or were of another type.
--
-- Arguments: base, fencing value, ttl in seconds, limit, within (empty for none), now in the column's unit,
-- places in a ranking (0 for none), how many groups, the position that is reached with these rows (empty for not
-- yet), how far back a ranking by time goes (empty for another); then for each row: position, key, JSON (empty when
-- removed or too large), order, score, name of its group's set (each empty for none).
local ttl, limit, within, now = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local through, hot = ARGV[9], base .. 'hot'

-- Below it a row is not hot.
local floor = redis.call('ZCARD', hot) >= limit and least(hot)
for i = 11, #ARGV, 6 do
    local position, key, json = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local order, score, group = ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
    local row = base .. 'row:' .. key
    -- The position comes right after `{"_position":`.
    local stored = redis.pcall('GETRANGE', row, 13, 32)
    if type(stored) == 'table' then
        redis.call('UNLINK', row)
        odd[#odd + 1] = row
        stored = ''
    end
    stored = string.match(stored, '^%d+')
    if not stored or older(stored, position) then
        if json ~= '' and order ~= '' and (not floor or tonumber(order) >= floor) then
            redis.call('SET', row, json, 'EX', ttl)
            redis.call('ZADD', hot, order, key)
        else
            redis.call('UNLINK', row)
            redis.call('ZREM', hot, key)
        end
        if best > 0 then place(key, score, group) end
    end
end

local function drop(key)
    redis.call('UNLINK', base .. 'row:' .. key)
end
local excess = redis.call('ZCARD', hot) - limit
if excess > 0 then
    local out = redis.call('ZPOPMIN', hot, math.min(excess, 1000))
    for i = 1, #out, 2 do drop(out[i]) end
end
local newest = within and tonumber(redis.call('ZREVRANGE', hot, 0, 0, 'WITHSCORES')[2])
if newest then
    -- A time beyond tomorrow counts as now: it must not make everything else old.
    if newest > now + 86400000000 then newest = now end
    local bound = '(' .. string.format('%.17g', newest - within)
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', hot, '-inf', bound, 'LIMIT', 0, 1000)) do
        redis.call('ZREM', hot, key)
        drop(key)
    end
end
if best > 0 then trimRankings() end
if through ~= '' then redis.call('SET', base .. 'through', through) end
return {'ok', leftOut, odd, unpack(refills)}
