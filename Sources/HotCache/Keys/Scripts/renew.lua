-- Sets how long a pointer to a generation lasts. Only the generation's owner can, and only while the pointer is
-- there: a pointer that has expired comes back by warming alone.
--
-- Keys: live. Arguments: base, fencing value, generation, milliseconds, what the cache has to have exactly (empty for
-- what it has).
if not typed(KEYS[1], 'string') then return oddity() end
if redis.call('GET', KEYS[1]) ~= ARGV[3] then return {'moved'} end
if ARGV[5] ~= '' and redis.call('GET', base .. 'through') ~= ARGV[5] then return {'behind'} end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'ok'}
