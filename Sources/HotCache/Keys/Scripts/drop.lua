-- Removes a generation from the cache, a piece at a time, with commands that a server without memory still runs.
-- Without an owner it is not written to until it is warmed again. Answers how much was removed.
--
-- Arguments: base, how much at most.
sound()
local count, taken = tonumber(ARGV[2]), 0
for _, name in ipairs({'owner', 'through', 'crowded', 'since', 'top', 'grouped'}) do
    redis.call('UNLINK', base .. name)
end
for _, group in ipairs(redis.call('SPOP', base .. 'groups', count)) do
    redis.call('UNLINK', base .. group)
    taken = taken + 1
end
for _, name in ipairs({'hot', 'stale'}) do
    local out = redis.call('ZPOPMIN', base .. name, count)
    for i = 1, #out, 2 do redis.call('UNLINK', base .. 'row:' .. out[i]) end
    taken = taken + #out / 2
end
return {'ok', taken}
