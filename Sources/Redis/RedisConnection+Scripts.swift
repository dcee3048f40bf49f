// Scripts: called by hash, loaded when the server does not have them.
extension RedisConnection {
    /// Runs a script by its hash. A server that does not have it (the first time, after `SCRIPT FLUSH`, a restart or a
    /// failover) is given it, and the call is repeated once: a call refused with `NOSCRIPT` has not run.
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

    /// Gives the server scripts that it may not have. Loading one again does no harm.
    public func ensureLoaded(_ scripts: [RedisScript]) throws(RedisError) {
        let loads = scripts.map { RedisCommand("SCRIPT", "LOAD", .text($0.source)) }
        for (reply, script) in zip(try pipeline(loads), scripts) {
            if case .error(let refusal) = reply { throw self.refusal(refusal, operation: "SCRIPT LOAD") }
            guard reply.text == script.hash else {
                throw error(.protocolViolation, operation: "SCRIPT LOAD", "the server names the script differently")
            }
        }
    }

    /// Sends a pipeline that calls scripts, and sees to it that the server has them.
    ///
    /// Calls refused with `NOSCRIPT` have not run; the scripts are then loaded and these calls, and only these, are sent
    /// again, once, in their order, after all others. So a pipeline whose order across scripts and other commands
    /// matters begins with `ensureLoaded(_:)`; and calls inside `MULTI` are not repeated.
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
        try ensureLoaded(scripts)
        for (index, reply) in zip(refused, try pipeline(refused.map { commands[$0] })) {
            replies[index] = reply
        }
        return replies
    }
}
