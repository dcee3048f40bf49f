-- Finds keys of a type that is not ours: they are removed, since every command on them would fail for ever.

local base, odd = ARGV[1], {}

local function typed(key, kind)
    local found = redis.call('TYPE', key).ok
    if found == kind or found == 'none' then return true end
    redis.call('UNLINK', key)
    odd[#odd + 1] = key
    return false
end

local function sound()
    for _, name in ipairs({'owner', 'through', 'crowded'}) do typed(base .. name, 'string') end
    for _, name in ipairs({'hot', 'stale', 'top'}) do typed(base .. name, 'zset') end
    typed(base .. 'groups', 'set')
    typed(base .. 'grouped', 'hash')
    return #odd == 0
end

local function oddity() return {'odd', unpack(odd)} end
