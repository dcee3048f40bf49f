-- Empties the sets of a ranking by time, a piece at a time; from the first piece on they do not count. Answers how many
-- groups it passed over.
--
-- Arguments: base, fencing value, how many, whether to do so only if there is such a ranking (empty for in any case).
if ARGV[4] ~= '' and redis.call('EXISTS', base .. 'since') == 0 then return {'ok', 0} end
for _, name in ipairs({'since', 'top', 'grouped'}) do redis.call('UNLINK', base .. name) end
local names = redis.call('SPOP', base .. 'groups', ARGV[3])
for _, name in ipairs(names) do redis.call('UNLINK', base .. name) end
return {'ok', #names}
