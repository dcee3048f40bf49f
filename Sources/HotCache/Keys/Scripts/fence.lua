-- Lets only the generation's owner continue. Fencing values are compared as text: they are random numbers and have no
-- order.
if not sound() then return oddity() end
local fencingValue = ARGV[2]
local owner = redis.call('GET', base .. 'owner')
if not owner then return {'unowned'} end
if owner ~= fencingValue then return {'fenced', owner} end
