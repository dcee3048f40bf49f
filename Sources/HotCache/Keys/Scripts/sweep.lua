-- Removes stale rows; answers how many are left.
--
-- Arguments: base, fencing value, how many.
local out = redis.call('ZPOPMIN', base .. 'stale', ARGV[3])
for i = 1, #out, 2 do redis.call('UNLINK', base .. 'row:' .. out[i]) end
return {'ok', redis.call('ZCARD', base .. 'stale')}
