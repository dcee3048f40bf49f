-- Writes changed rows: those that are newer than what is stored, hot ones to their keys and the others off them, and
-- all of them into the rankings; then trims. Answers how many rows were left out of a group's set because there are
-- too many groups, the keys of another type that it removed, and the sorted sets that lost a key to which others may
-- be next.
--
-- A new group gets a set only while none was ever left out: one that begins late would lack older rows.
--
-- Arguments: base, fencing value, ttl in seconds, limit, within (empty for none), now in the column's unit,
-- places in a ranking (0 for none), how many groups, the position that is reached with these rows (empty for not
-- yet); then for each row: position, key, JSON (empty when removed or too large), order, score, name of its group's
-- set (each empty for none).
local ttl, limit, within, now = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local best, most, through = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local hot, grouped, groups, crowded = base .. 'hot', base .. 'grouped', base .. 'groups', base .. 'crowded'
local refills, asked, checked, leftOut = {}, {}, {}, 0

local function refill(name)
    if not asked[name] then
        asked[name] = true
        refills[#refills + 1] = name
    end
end

local function least(set)
    return tonumber(redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2])
end

-- Gives a key its place in a sorted set; says whether it has one, and which key lost its place to it.
local function rank(name, key, score)
    local set = base .. name
    if not checked[name] then
        checked[name] = true
        if not typed(set, 'zset') then refill(name) end
    end
    local old = redis.call('ZSCORE', set, key)
    local full = redis.call('ZCARD', set) >= best
    if score == '' then
        if old then
            redis.call('ZREM', set, key)
            if full then refill(name) end
        end
        return false
    end
    if not old and full and tonumber(score) < least(set) then return false end
    redis.call('ZADD', set, score, key)
    if old then
        if full and tonumber(score) < tonumber(old) and redis.call('ZRANK', set, key) == 0 then
            refill(name)
        end
        return true
    end
    local ousted = full and redis.call('ZPOPMIN', set)[1]
    return ousted ~= key, ousted
end

local function hasRoom(group)
    if redis.call('SISMEMBER', groups, group) == 1 then return true end
    if redis.call('EXISTS', crowded) == 0 and redis.call('SCARD', groups) < most then return true end
    redis.call('SET', crowded, '1')
    leftOut = leftOut + 1
    return false
end

local function rankInGroup(key, score, group)
    local was = redis.call('HGET', grouped, key)
    if was and (score == '' or was ~= group) then
        rank(was, key, '')
        redis.call('HDEL', grouped, key)
        if not asked[was] and redis.call('EXISTS', base .. was) == 0 then
            redis.call('SREM', groups, was)
        end
    end
    if score == '' or group == '' or not hasRoom(group) then return end
    local placed, ousted = rank(group, key, score)
    if ousted then redis.call('HDEL', grouped, ousted) end
    if placed and was ~= group then
        redis.call('HSET', grouped, key, group)
        redis.call('SADD', groups, group)
    end
end

-- Below it a row is not hot.
local floor = redis.call('ZCARD', hot) >= limit and least(hot)
for i = 10, #ARGV, 6 do
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
        if best > 0 then
            rank('top', key, score)
            rankInGroup(key, score, group)
        end
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
if through ~= '' then redis.call('SET', base .. 'through', through) end
return {'ok', leftOut, odd, unpack(refills)}
