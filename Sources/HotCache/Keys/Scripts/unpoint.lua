-- Removes the pointer, if it is still the one that was seen: readers then use SQL, which is never wrong.
--
-- Keys: live, revision. Arguments: the generation that was live, and the revision that was found (empty for none).
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return {'moved'} end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return {'ok'}
