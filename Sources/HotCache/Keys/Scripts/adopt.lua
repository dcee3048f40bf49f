-- Takes the generation for the fencing value that the caller has just confirmed in PostgreSQL, if the owner has not
-- changed since before that: otherwise a newer owner may have come in between. From here on nothing counts as cached,
-- and a pointer to the generation expires soon, unless it is renewed.
--
-- Keys: live. Arguments: base, fencing value, the owner that was found (empty for none), generation, the lease's
-- milliseconds.
typed(KEYS[1], 'string')
if not sound() then return oddity() end
local owner = redis.call('GET', base .. 'owner') or ''
if owner ~= ARGV[3] then return {'fenced', owner} end
redis.call('SET', base .. 'owner', ARGV[2])
redis.call('UNLINK', base .. 'through')
if redis.call('GET', KEYS[1]) == ARGV[4] then
    local left = redis.call('PTTL', KEYS[1])
    if left < 0 or left > tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
end
return {'ok'}
