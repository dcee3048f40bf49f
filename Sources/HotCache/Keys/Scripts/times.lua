-- Rankings by time. `top` has the keys whose time is recent; the set of a group those of them that are in the group.
-- Above the score in `since` they are all there: keys that are older, or beyond the limit, leave every set at once, so
-- the sets of groups need no limit and no trimming of their own. Without `since` nothing is known: everything is read
-- from the table again.
local top, span = base .. 'top', tonumber(ARGV[10])
local found = typed(base .. 'since', 'string') and tonumber(redis.call('GET', base .. 'since'))
local since, latest = found or -math.huge, -math.huge
if not found then refill('since') end

local function leaveGroup(key)
    local name = redis.call('HGET', grouped, key)
    if not name then return end
    check(name)
    redis.call('HDEL', grouped, key)
    redis.call('ZREM', base .. name, key)
    if redis.call('EXISTS', base .. name) == 0 then redis.call('SREM', groups, name) end
end

local function leave(key)
    redis.call('ZREM', top, key)
    leaveGroup(key)
end

local function place(key, score, group)
    local time = tonumber(score)
    if not time or time < since then return leave(key) end
    latest = math.max(latest, time)
    redis.call('ZADD', top, score, key)
    local was = redis.call('HGET', grouped, key)
    if was and was ~= group then leaveGroup(key) end
    if group == '' or (was ~= group and not hasRoom(group)) then return end
    check(group)
    redis.call('ZADD', base .. group, score, key)
    if was ~= group then
        redis.call('HSET', grouped, key, group)
        redis.call('SADD', groups, group)
    end
end

-- Each call removes more than one can add.
local function trimRankings()
    if not found then return end
    -- The score counts from 1970. A time beyond tomorrow counts as now.
    local now = tonumber(ARGV[6]) + 946684800000000
    if latest > now + 86400000000 then latest = now end
    since = math.max(since, latest - span)
    local old = '(' .. string.format('%.17g', since)
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', top, '-inf', old, 'LIMIT', 0, 1000)) do leave(key) end
    local excess = redis.call('ZCARD', top) - best
    if excess > 0 then
        local out = redis.call('ZPOPMIN', top, math.min(excess, 1000))
        for i = 1, #out, 2 do
            leaveGroup(out[i])
            since = math.max(since, tonumber(out[i + 1]))
        end
    end
    if since > found then redis.call('SET', base .. 'since', string.format('%.17g', since)) end
end
