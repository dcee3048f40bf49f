-- Lets the rows of a generation that is no longer read expire soon, a piece at a time; from the first piece on its
-- owner may not write. Answers how many there were.
--
-- Keys: live. Arguments: base, seconds, generation, how many rows to pass over, how many to take.
typed(KEYS[1], 'string')
if not sound() then return oddity() end
if redis.call('GET', KEYS[1]) == ARGV[3] then return {'ok', 0} end
redis.call('UNLINK', base .. 'owner')
local first, count = tonumber(ARGV[4]), tonumber(ARGV[5])
local keys = redis.call('ZRANGE', base .. 'hot', first, first + count - 1)
for _, key in ipairs(keys) do redis.call('EXPIRE', base .. 'row:' .. key, ARGV[2]) end
return {'ok', #keys}
