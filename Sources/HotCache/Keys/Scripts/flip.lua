-- Points `live` at a generation, if no other process did since the revision was read, which was before PostgreSQL's
-- pointer was read: so the last one to write is the last one to have read. The generation has to be in the cache up to
-- its checkpoint and be the caller's, or not be there at all: then every look-up misses, which is never wrong. Answers
-- what was live before.
--
-- Keys: live, revision. Arguments: base, fencing value, generation, the revision that was found (empty for none), the
-- new one, the generation's checkpoint in PostgreSQL, for how many milliseconds.
typed(KEYS[1], 'string')
typed(KEYS[2], 'string')
if not sound() then return oddity() end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[4] then return {'moved'} end
local owner = redis.call('GET', base .. 'owner')
if owner and owner ~= ARGV[2] then return {'fenced', owner} end
local through = redis.call('GET', base .. 'through')
if through then
    if older(through, ARGV[6]) then return {'behind'} end
elseif redis.call('EXISTS', base .. 'owner', base .. 'hot', base .. 'stale') > 0 then
    return {'behind'}
end
local before = redis.call('GET', KEYS[1]) or ''
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[7])
redis.call('SET', KEYS[2], ARGV[5])
return {'ok', before}
