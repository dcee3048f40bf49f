-- Rankings of the best: a set has so many keys, whatever their scores, and one that loses a key is filled again from the
-- table.

-- Gives a key its place in a sorted set; says whether it has one, and which key lost its place to it.
local function rank(name, key, score)
    local set = base .. name
    check(name)
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

local function place(key, score, group)
    rank('top', key, score)
    rankInGroup(key, score, group)
end

local function trimRankings() end
