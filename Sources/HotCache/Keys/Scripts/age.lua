-- Makes what was cached stale: warming sees which of it is still hot. Answers how much an interrupted earlier warming
-- left.
--
-- Arguments: base, fencing value, how many.
local hot, stale = base .. 'hot', base .. 'stale'
if redis.call('EXISTS', hot) == 0 then return {'ok', 0} end
if redis.call('EXISTS', stale) == 0 then
    redis.call('RENAME', hot, stale)
    return {'ok', 0}
end
local out = redis.call('ZPOPMIN', hot, ARGV[3])
for i = 1, #out, 2 do redis.call('ZADD', stale, out[i + 1], out[i]) end
return {'ok', redis.call('ZCARD', hot)}
