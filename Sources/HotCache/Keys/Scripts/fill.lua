-- Adds members to the sets of a ranking by time that are being written anew; with the last of them the sets count.
-- Answers the keys of another type that it removed.
--
-- Arguments: base, fencing value, the score above which all keys are there (empty for not yet); then score, key and name of
-- its group's set (empty for none) of each member.
local checked = {}
for i = 4, #ARGV, 3 do
    local score, key, group = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    redis.call('ZADD', base .. 'top', score, key)
    if group ~= '' then
        if not checked[group] then
            checked[group] = true
            typed(base .. group, 'zset')
            redis.call('SADD', base .. 'groups', group)
        end
        redis.call('ZADD', base .. group, score, key)
        redis.call('HSET', base .. 'grouped', key, group)
    end
end
if ARGV[3] ~= '' then
    redis.call('UNLINK', base .. 'since')
    redis.call('SET', base .. 'since', ARGV[3])
end
return {'ok', odd}
