// Scripts: loaded once, called by hash, loaded again when the server has lost them.
extension RedisConnection {
    /// Gives the server scripts to keep, by their Lua texts. Loading one again does no harm.
    ///
    /// - Throws: the server's refusal of a text that does not compile, as `reply(code)`; whatever ends the connection.
    public func load(_ sources: [String]) throws(RedisError) -> [RedisScript] {
        var scripts: [RedisScript] = []
        let loads = sources.map { RedisCommand("SCRIPT", "LOAD", .text($0)) }
        for (reply, source) in zip(try pipeline(loads), sources) {
            if case .error(let refusal) = reply { throw self.refusal(refusal, operation: "SCRIPT LOAD") }
            guard let hash = reply.text else {
                throw error(.protocolViolation, operation: "SCRIPT LOAD", "the answer is not a hash")
            }
            scripts.append(RedisScript(source: source, hash: hash))
        }
        return scripts
    }

    /// Runs a script by its hash. A server that has lost it (after `SCRIPT FLUSH`, a restart or a failover) is given it
    /// again, and the call is repeated once: a call refused with `NOSCRIPT` has not run.
    ///
    /// - Throws: an error that the script raised, or another refusal, as `reply(code)`; whatever ends the connection.
    public func evaluate(
        _ script: RedisScript,
        keys: [RedisArgument] = [],
        arguments: [RedisArgument] = []
    ) throws(RedisError) -> RedisReply {
        let reply = try pipeline([script.call(keys: keys, arguments: arguments)], loading: [script])[0]
        if case .error(let refusal) = reply { throw self.refusal(refusal, operation: "EVALSHA") }
        return reply
    }

    /// Sends a pipeline that calls scripts, and loads them again if the server has lost them.
    ///
    /// Calls refused with `NOSCRIPT` have not run; the scripts are then loaded and these calls, and only these, are sent
    /// again, once, in their order, after all others. So a pipeline whose order across scripts and other commands
    /// matters begins with `load(_:)`; and calls inside `MULTI` are not repeated.
    ///
    /// - Returns: one reply per command, in order.
    public func pipeline(
        _ commands: [RedisCommand],
        loading scripts: [RedisScript]
    ) throws(RedisError) -> [RedisReply] {
        var replies = try pipeline(commands)
        let refused = replies.indices.filter { replies[$0].error?.code == "NOSCRIPT" }
        guard !refused.isEmpty else { return replies }
        noteMissingScripts()
        guard try load(scripts.map(\.source)) == scripts else {
            throw error(
                .protocolViolation,
                operation: "SCRIPT LOAD",
                "the server names a script differently than before"
            )
        }
        for (index, reply) in zip(refused, try pipeline(refused.map { commands[$0] })) {
            replies[index] = reply
        }
        return replies
    }
}
