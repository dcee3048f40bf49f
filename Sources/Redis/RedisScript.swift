/// A Lua script that the server keeps, called by the hash of its text.
public struct RedisScript: Sendable, Equatable {
    /// The text of the script.
    public let source: String
    /// The SHA-1 of the text in lower-case hexadecimal, by which `EVALSHA` finds the script.
    public let hash: String

    /// - Parameter source: the Lua text, sent as it stands.
    public init(_ source: String) {
        self.source = source
        hash = SHA1.hexadecimal(of: Array(source.utf8))
    }

    /// The call of this script, for a pipeline.
    ///
    /// A server that has lost the script answers `NOSCRIPT`: send the pipeline with `loading: [script]`, which mends it.
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
