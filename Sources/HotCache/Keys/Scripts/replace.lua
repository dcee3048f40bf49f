-- Replaces a sorted set as a whole. A group's set that has no members is forgotten. Answers the keys of another type
-- that it removed.
--
-- Arguments: base, fencing value, the set's name; then score and key of each member.
local name, set, grouped = ARGV[3], base .. ARGV[3], base .. 'grouped'
local group = name ~= 'top'
typed(set, 'zset')
if group then
    for _, key in ipairs(redis.call('ZRANGE', set, 0, -1)) do
        if redis.call('HGET', grouped, key) == name then redis.call('HDEL', grouped, key) end
    end
    redis.call(#ARGV > 3 and 'SADD' or 'SREM', base .. 'groups', name)
end
redis.call('UNLINK', set)
for i = 4, #ARGV, 2 do
    redis.call('ZADD', set, ARGV[i], ARGV[i + 1])
    if group then redis.call('HSET', grouped, ARGV[i + 1], name) end
end
return {'ok', odd}
