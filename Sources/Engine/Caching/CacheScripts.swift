internal import Redis

/// What changes a generation's keys, each in one step that no reader sees half done.
///
/// Every script that writes data first compares the owner's key with the writer's epoch. Keys of rows and groups are made
/// from the generation's base, the first argument: they depend on the data, and there is one server, no cluster. Answers
/// are lists whose first element says what happened: `ok`; `unowned` when the owner's key is gone; `fenced` with the
/// epoch of another owner.
enum CacheScripts {
    static let all = [adopt, write, replace, sweep, finish, keep, drop, flip, retire]

    private static let fence = """
        local base, epoch = ARGV[1], ARGV[2]
        local owner = redis.call('GET', base .. 'owner')
        if not owner then return {'unowned'} end
        if owner ~= epoch then return {'fenced', owner} end

        """

    /// Positions are compared as text, since Lua's numbers are exact to 2^53 only.
    private static let older = """
        local function older(a, b) return #a < #b or (#a == #b and a < b) end

        """

    /// Takes the generation for the epoch that the caller has just confirmed in PostgreSQL, if the owner is still who it
    /// was before that: otherwise a newer owner may have come in between. What was cached becomes stale: warming sees
    /// which of it is still hot.
    ///
    /// Arguments: base, epoch, the owner that was found (empty for none).
    static let adopt = RedisScript(
        """
        local base = ARGV[1]
        local owner = redis.call('GET', base .. 'owner') or ''
        if owner ~= ARGV[3] then return {'fenced', owner} end
        redis.call('SET', base .. 'owner', ARGV[2])
        redis.call('DEL', base .. 'through')
        local hot, stale = base .. 'hot', base .. 'stale'
        if redis.call('EXISTS', hot) == 1 then
            if redis.call('EXISTS', stale) == 1 then
                redis.call('ZUNIONSTORE', stale, 2, stale, hot)
                redis.call('DEL', hot)
            else
                redis.call('RENAME', hot, stale)
            end
        end
        return {'ok'}
        """
    )

    /// Writes changed rows: those that are newer than what is stored, hot ones to their keys and the others off them, and
    /// all of them into the rankings; then trims. Names the sorted sets that lost a key to which others may be next.
    ///
    /// Arguments: base, epoch, lifetime in seconds, limit, within (empty for none), places in a ranking (0 for none),
    /// the position that is reached with these rows (empty for not yet); then for each row: position, key, JSON (empty
    /// when removed), order, score, name of its group's set (each empty for none).
    static let write = RedisScript(
        fence + older + """
            local ttl, limit, within = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
            local best, through = tonumber(ARGV[6]), ARGV[7]
            local hot, grouped, groups = base .. 'hot', base .. 'grouped', base .. 'groups'
            local answer, asked = {'ok'}, {}

            local function refill(name)
                if not asked[name] then
                    asked[name] = true
                    answer[#answer + 1] = name
                end
            end

            local function least(set)
                return tonumber(redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2])
            end

            -- Gives a key its place in a sorted set; says whether it has one, and which key lost its place to it.
            local function rank(name, key, score)
                local set = base .. name
                local old = redis.call('ZSCORE', set, key)
                local full = redis.call('ZCARD', set) >= best
                if score == '' then
                    if old then
                        redis.call('ZREM', set, key)
                        if full then refill(name) end
                    end
                    return false
                end
                if not old and full and tonumber(score) < least(set) then return false end
                redis.call('ZADD', set, score, key)
                if old then
                    if full and tonumber(score) < tonumber(old) and redis.call('ZRANK', set, key) == 0 then
                        refill(name)
                    end
                    return true
                end
                local ousted = full and redis.call('ZPOPMIN', set)[1]
                return ousted ~= key, ousted
            end

            local function rankInGroup(key, score, group)
                local was = redis.call('HGET', grouped, key)
                if was and (score == '' or was ~= group) then
                    rank(was, key, '')
                    redis.call('HDEL', grouped, key)
                end
                if score == '' or group == '' then return end
                local placed, ousted = rank(group, key, score)
                if ousted then redis.call('HDEL', grouped, ousted) end
                if placed and was ~= group then
                    redis.call('HSET', grouped, key, group)
                    redis.call('SADD', groups, group)
                end
            end

            -- Below it a row is not hot.
            local floor = redis.call('ZCARD', hot) >= limit and least(hot)
            for i = 8, #ARGV, 6 do
                local position, key, json = ARGV[i], ARGV[i + 1], ARGV[i + 2]
                local order, score, group = ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
                local row = base .. 'row:' .. key
                -- The position stands right behind `{"_position":`.
                local stored = string.match(redis.call('GETRANGE', row, 13, 32), '^%d+')
                if not stored or older(stored, position) then
                    if json ~= '' and order ~= '' and (not floor or tonumber(order) >= floor) then
                        redis.call('SET', row, json, 'EX', ttl)
                        redis.call('ZADD', hot, order, key)
                    else
                        redis.call('UNLINK', row)
                        redis.call('ZREM', hot, key)
                    end
                    if best > 0 then
                        rank('top', key, score)
                        rankInGroup(key, score, group)
                    end
                end
            end

            local function drop(key)
                redis.call('UNLINK', base .. 'row:' .. key)
            end
            local excess = redis.call('ZCARD', hot) - limit
            if excess > 0 then
                local out = redis.call('ZPOPMIN', hot, excess)
                for i = 1, #out, 2 do drop(out[i]) end
            end
            local newest = within and redis.call('ZREVRANGE', hot, 0, 0, 'WITHSCORES')[2]
            if newest then
                local bound = '(' .. string.format('%.17g', tonumber(newest) - within)
                for _, key in ipairs(redis.call('ZRANGEBYSCORE', hot, '-inf', bound, 'LIMIT', 0, 1000)) do
                    redis.call('ZREM', hot, key)
                    drop(key)
                end
            end
            if through ~= '' then redis.call('SET', base .. 'through', through) end
            return answer
            """
    )

    /// Replaces a sorted set as a whole. A group's set that has no members is forgotten.
    ///
    /// Arguments: base, epoch, the set's name; then score and key of each member.
    static let replace = RedisScript(
        fence + """
            local name, set, grouped = ARGV[3], base .. ARGV[3], base .. 'grouped'
            local group = name ~= 'top'
            if group then
                for _, key in ipairs(redis.call('ZRANGE', set, 0, -1)) do
                    if redis.call('HGET', grouped, key) == name then redis.call('HDEL', grouped, key) end
                end
                redis.call(#ARGV > 3 and 'SADD' or 'SREM', base .. 'groups', name)
            end
            redis.call('DEL', set)
            for i = 4, #ARGV, 2 do
                redis.call('ZADD', set, ARGV[i], ARGV[i + 1])
                if group then redis.call('HSET', grouped, ARGV[i + 1], name) end
            end
            return {'ok'}
            """
    )

    /// Removes stale rows; answers how many are left.
    ///
    /// Arguments: base, epoch, how many.
    static let sweep = RedisScript(
        fence + """
            local out = redis.call('ZPOPMIN', base .. 'stale', ARGV[3])
            for i = 1, #out, 2 do redis.call('UNLINK', base .. 'row:' .. out[i]) end
            return {'ok', redis.call('ZCARD', base .. 'stale')}
            """
    )

    /// Says that everything up to a position is there.
    ///
    /// Arguments: base, epoch, position.
    static let finish = RedisScript(
        fence + """
            redis.call('SET', base .. 'through', ARGV[3])
            return {'ok'}
            """
    )

    private static let structures = """
        local base, seconds = ARGV[1], ARGV[2]
        local names = {'owner', 'through', 'hot', 'stale', 'top', 'groups', 'grouped'}
        for _, group in ipairs(redis.call('SMEMBERS', base .. 'groups')) do names[#names + 1] = group end

        """

    /// Makes everything but the rows of a generation, which always expire, last or expire.
    ///
    /// Arguments: base, seconds (empty for lasting).
    static let keep = RedisScript(
        structures + """
            for _, name in ipairs(names) do
                if seconds == '' then
                    redis.call('PERSIST', base .. name)
                else
                    redis.call('EXPIRE', base .. name, seconds)
                end
            end
            return {'ok'}
            """
    )

    /// Takes a generation out of the cache, a piece at a time, with commands that a server without memory still runs.
    /// Owned by nobody, it is written to no more until it is warmed again. Answers how many rows were taken.
    ///
    /// Arguments: base, how many rows.
    static let drop = RedisScript(
        """
        local base, count = ARGV[1], tonumber(ARGV[2])
        for _, group in ipairs(redis.call('SMEMBERS', base .. 'groups')) do
            redis.call('UNLINK', base .. group)
        end
        for _, name in ipairs({'owner', 'through', 'top', 'groups', 'grouped'}) do redis.call('UNLINK', base .. name) end
        local taken = 0
        for _, name in ipairs({'hot', 'stale'}) do
            local out = redis.call('ZPOPMIN', base .. name, count)
            for i = 1, #out, 2 do redis.call('UNLINK', base .. 'row:' .. out[i]) end
            taken = taken + #out / 2
        end
        return {'ok', taken}
        """
    )

    /// Points `live` at a generation, if nobody did so since the revision was read, before PostgreSQL's pointer was: so
    /// the last one to write is the last one to have read. The generation has to be in the cache up to its checkpoint, or
    /// not at all: then every look-up misses, which is never wrong. Answers what was live before.
    ///
    /// Keys: live, revision. Arguments: base, generation, the revision that was found (empty for none), the new one, the
    /// generation's checkpoint in PostgreSQL.
    static let flip = RedisScript(
        older + """
            local base = ARGV[1]
            if (redis.call('GET', KEYS[2]) or '') ~= ARGV[3] then return {'moved'} end
            local through = redis.call('GET', base .. 'through')
            if through then
                if older(through, ARGV[5]) then return {'behind'} end
            elseif redis.call('EXISTS', base .. 'owner', base .. 'hot', base .. 'stale') > 0 then
                return {'behind'}
            end
            local before = redis.call('GET', KEYS[1]) or ''
            redis.call('SET', KEYS[1], ARGV[2])
            redis.call('SET', KEYS[2], ARGV[4])
            return {'ok', before}
            """
    )

    /// Lets the rows of a generation that nobody reads any more expire soon, a piece at a time; with the first piece its
    /// owner may write no more, with the last everything else expires too.
    ///
    /// Keys: live. Arguments: base, seconds, generation, how many rows to pass over, how many to take.
    static let retire = RedisScript(
        structures + """
            if redis.call('GET', KEYS[1]) == ARGV[3] then return {'ok', 0} end
            redis.call('DEL', base .. 'owner')
            local first, count = tonumber(ARGV[4]), tonumber(ARGV[5])
            local keys = redis.call('ZRANGE', base .. 'hot', first, first + count - 1)
            for _, key in ipairs(keys) do redis.call('EXPIRE', base .. 'row:' .. key, seconds) end
            if #keys < count then
                for _, name in ipairs(names) do redis.call('EXPIRE', base .. name, seconds) end
            end
            return {'ok', #keys}
            """
    )
}
