internal import Redis

/// What changes a generation's keys, each in one step that no reader sees half done.
///
/// Every script that writes data first compares the owner's key with the writer's fencing value, as text: it is a random number
/// and has no order. Keys of rows and groups are made from the generation's base, the first argument: they depend on the
/// data, and there is one server, no cluster. Answers are lists whose first element says what happened: `ok`; `unowned`
/// when the owner's key is gone; `fenced` with the fencing value of another owner; `odd` with the keys that were of another type
/// and have been removed, when nothing else was done.
///
/// No call runs for long, however much there is: what grows with the data is done a piece at a time.
enum CacheScripts {
    static let all = [adopt, age, write, replace, sweep, finish, keep, drop, flip, renew, unpoint, retire]

    /// Finds keys of a type that is not ours: they are removed, since every command on them would fail for ever.
    static let types = """
        local base, odd = ARGV[1], {}

        local function typed(key, kind)
            local found = redis.call('TYPE', key).ok
            if found == kind or found == 'none' then return true end
            redis.call('UNLINK', key)
            odd[#odd + 1] = key
            return false
        end

        local function sound()
            for _, name in ipairs({'owner', 'through', 'crowded'}) do typed(base .. name, 'string') end
            for _, name in ipairs({'hot', 'stale', 'top'}) do typed(base .. name, 'zset') end
            typed(base .. 'groups', 'set')
            typed(base .. 'grouped', 'hash')
            return #odd == 0
        end

        local function oddity() return {'odd', unpack(odd)} end

        """

    static let fence =
        types + """
            if not sound() then return oddity() end
            local fencingValue = ARGV[2]
            local owner = redis.call('GET', base .. 'owner')
            if not owner then return {'unowned'} end
            if owner ~= fencingValue then return {'fenced', owner} end

            """

    /// Positions are compared as text, since Lua's numbers are exact to 2^53 only.
    static let older = """
        local function older(a, b) return #a < #b or (#a == #b and a < b) end

        """

    /// Takes the generation for the fencing value that the caller has just confirmed in PostgreSQL, if the owner is still who it
    /// was before that: otherwise a newer owner may have come in between. From here on nothing counts as cached, and a
    /// pointer to the generation is good for a short time only, unless it is renewed.
    ///
    /// Keys: live. Arguments: base, fencing value, the owner that was found (empty for none), generation, the lease's
    /// milliseconds.
    static let adopt = RedisScript(
        types + """
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
            """
    )

    /// Makes what was cached stale: warming sees which of it is still hot. Answers how much is left of what an earlier
    /// warming was interrupted in.
    ///
    /// Arguments: base, fencing value, how many.
    static let age = RedisScript(
        fence + """
            local hot, stale = base .. 'hot', base .. 'stale'
            if redis.call('EXISTS', hot) == 0 then return {'ok', 0} end
            if redis.call('EXISTS', stale) == 0 then
                redis.call('RENAME', hot, stale)
                return {'ok', 0}
            end
            local out = redis.call('ZPOPMIN', hot, ARGV[3])
            for i = 1, #out, 2 do redis.call('ZADD', stale, out[i + 1], out[i]) end
            return {'ok', redis.call('ZCARD', hot)}
            """
    )

    /// Removes stale rows; answers how many are left.
    ///
    /// Arguments: base, fencing value, how many.
    static let sweep = RedisScript(
        fence + """
            local out = redis.call('ZPOPMIN', base .. 'stale', ARGV[3])
            for i = 1, #out, 2 do redis.call('UNLINK', base .. 'row:' .. out[i]) end
            return {'ok', redis.call('ZCARD', base .. 'stale')}
            """
    )

    /// Says that everything up to a position is there, and whether groups were left out.
    ///
    /// Arguments: base, fencing value, position, whether groups were left out (empty for not).
    static let finish = RedisScript(
        fence + """
            if ARGV[4] == '' then
                redis.call('UNLINK', base .. 'crowded')
            else
                redis.call('SET', base .. 'crowded', ARGV[4])
            end
            redis.call('SET', base .. 'through', ARGV[3])
            return {'ok'}
            """
    )

    /// Makes everything but the rows of a generation, which always expire, last or expire, a piece of the groups at a
    /// time; what is live never expires. Answers where the next piece begins, 0 when there is none.
    ///
    /// Keys: live. Arguments: base, seconds (empty for lasting), generation, where the piece begins, how many groups.
    static let keep = RedisScript(
        types + """
            typed(KEYS[1], 'string')
            if not sound() then return oddity() end
            local seconds = ARGV[2]
            if seconds ~= '' and redis.call('GET', KEYS[1]) == ARGV[3] then return {'ok', '0'} end
            local function last(name)
                if seconds == '' then
                    redis.call('PERSIST', base .. name)
                else
                    redis.call('EXPIRE', base .. name, seconds)
                end
            end
            if ARGV[4] == '0' then
                local names = {'owner', 'through', 'crowded', 'hot', 'stale', 'top', 'groups', 'grouped'}
                for _, name in ipairs(names) do last(name) end
            end
            local page = redis.call('SSCAN', base .. 'groups', ARGV[4], 'COUNT', ARGV[5])
            for _, group in ipairs(page[2]) do last(group) end
            return {'ok', page[1]}
            """
    )

    /// Takes a generation out of the cache, a piece at a time, with commands that a server without memory still runs.
    /// Owned by nobody, it is written to no more until it is warmed again. Answers how much was taken.
    ///
    /// Arguments: base, how much at most.
    static let drop = RedisScript(
        types + """
            sound()
            local count, taken = tonumber(ARGV[2]), 0
            for _, name in ipairs({'owner', 'through', 'crowded', 'top', 'grouped'}) do
                redis.call('UNLINK', base .. name)
            end
            for _, group in ipairs(redis.call('SPOP', base .. 'groups', count)) do
                redis.call('UNLINK', base .. group)
                taken = taken + 1
            end
            for _, name in ipairs({'hot', 'stale'}) do
                local out = redis.call('ZPOPMIN', base .. name, count)
                for i = 1, #out, 2 do redis.call('UNLINK', base .. 'row:' .. out[i]) end
                taken = taken + #out / 2
            end
            return {'ok', taken}
            """
    )

    // MARK: The pointer

    /// Points `live` at a generation, if nobody did so since the revision was read, before PostgreSQL's pointer was: so
    /// the last one to write is the last one to have read. The generation has to be in the cache up to its checkpoint and
    /// be the caller's, or not be there at all: then every look-up misses, which is never wrong. Answers what was live
    /// before.
    ///
    /// Keys: live, revision. Arguments: base, fencing value, generation, the revision that was found (empty for none), the new
    /// one, the generation's checkpoint in PostgreSQL, for how many milliseconds.
    static let flip = RedisScript(
        types + older + """
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
            """
    )

    /// Sets how long a pointer to a generation lasts. Only the generation's owner can, and only while the pointer is
    /// there: a pointer that has expired comes back by warming alone.
    ///
    /// Keys: live. Arguments: base, fencing value, generation, milliseconds, what the cache has to have exactly (empty for what it
    /// has).
    static let renew = RedisScript(
        fence + """
            if not typed(KEYS[1], 'string') then return oddity() end
            if redis.call('GET', KEYS[1]) ~= ARGV[3] then return {'moved'} end
            if ARGV[5] ~= '' and redis.call('GET', base .. 'through') ~= ARGV[5] then return {'behind'} end
            redis.call('PEXPIRE', KEYS[1], ARGV[4])
            return {'ok'}
            """
    )

    /// Removes the pointer, if it is still the one that was seen: readers use SQL then, which is never wrong.
    ///
    /// Keys: live, revision. Arguments: the generation that was live, and the revision that was found (empty for none).
    static let unpoint = RedisScript(
        """
        if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return {'moved'} end
        if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
        return {'ok'}
        """
    )

    /// Lets the rows of a generation that nobody reads any more expire soon, a piece at a time; from the first piece on
    /// its owner may write no more. Answers how many there were.
    ///
    /// Keys: live. Arguments: base, seconds, generation, how many rows to pass over, how many to take.
    static let retire = RedisScript(
        types + """
            typed(KEYS[1], 'string')
            if not sound() then return oddity() end
            if redis.call('GET', KEYS[1]) == ARGV[3] then return {'ok', 0} end
            redis.call('UNLINK', base .. 'owner')
            local first, count = tonumber(ARGV[4]), tonumber(ARGV[5])
            local keys = redis.call('ZRANGE', base .. 'hot', first, first + count - 1)
            for _, key in ipairs(keys) do redis.call('EXPIRE', base .. 'row:' .. key, ARGV[2]) end
            return {'ok', #keys}
            """
    )
}
