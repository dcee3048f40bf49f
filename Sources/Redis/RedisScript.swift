/// A Lua script that the server keeps, called by the hash that the server gave it.
///
/// Made by ``RedisConnection/load(_:)``. The hash depends on the text alone: it is good on every connection and for every
/// server, one that was restarted and lost the script included; see ``RedisConnection/pipeline(_:loading:)``.
public struct RedisScript: Sendable, Equatable {
    /// The text of the script.
    public let source: String
    /// What `SCRIPT LOAD` answered, by which `EVALSHA` finds the script.
    public let hash: String

    /// The call of this script, for a pipeline.
    ///
    /// A server that has lost the script answers `NOSCRIPT`: send the pipeline with `loading: [script]`, which loads it
    /// again.
    public func call(keys: [RedisArgument], arguments: [RedisArgument]) -> RedisCommand {
        var command = call(keyCount: keys.count, capacity: 32 * (keys.count + arguments.count))
        for argument in keys {
            command.append(argument)
        }
        for argument in arguments {
            command.append(argument)
        }
        return command
    }

    /// The beginning of a call, to which `keyCount` keys and then the arguments are appended.
    ///
    /// - Parameter capacity: how many bytes to set aside for keys and arguments together; a hint.
    public func call(keyCount: Int, capacity: Int) -> RedisCommand {
        var command = RedisCommand("EVALSHA", capacity: capacity + 64)
        command.append(hash)
        command.append(Int64(keyCount))
        return command
    }
}
