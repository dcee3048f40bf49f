-- Records that everything up to a position is there, and whether groups were left out.
--
-- Arguments: base, fencing value, position, whether groups were left out (empty for not).
if ARGV[4] == '' then
    redis.call('UNLINK', base .. 'crowded')
else
    redis.call('SET', base .. 'crowded', ARGV[4])
end
redis.call('SET', base .. 'through', ARGV[3])
return {'ok'}
