-- Begins the script that writes changed rows: what rankings of both kinds need. Its arguments stand in write.lua.
--
-- A new group gets a set only while none was ever left out: one that begins late would lack older rows.
local best, most = tonumber(ARGV[7]), tonumber(ARGV[8])
local grouped, groups, crowded = base .. 'grouped', base .. 'groups', base .. 'crowded'
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

-- Removes a set of another type, once in a call: what it should have has to be read from the table.
local function check(name)
    if not checked[name] then
        checked[name] = true
        if not typed(base .. name, 'zset') then refill(name) end
    end
end

local function hasRoom(group)
    if redis.call('SISMEMBER', groups, group) == 1 then return true end
    if redis.call('EXISTS', crowded) == 0 and redis.call('SCARD', groups) < most then return true end
    redis.call('SET', crowded, '1')
    leftOut = leftOut + 1
    return false
end
