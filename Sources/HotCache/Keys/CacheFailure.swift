package import Redis

/// Why a script did nothing.
package enum CacheFailure: Error {
    /// The owner's key is gone: the server was flushed, restarted or evicted it.
    case unowned
    /// Another fencing value owns the generation's keys.
    case fenced
    /// Keys were of another type; they are gone now, and everything is to be rewritten.
    case odd
    /// A part of a ranking by time is gone, and everything is to be rewritten.
    case incomplete
    /// The pointer is not there, or the generation lacks something.
    case unfit
    /// The server refused: out of memory, loading, a replica.
    case refused(RedisReplyError)

    /// The elements of an answer that begins with `ok`.
    static func check(_ reply: RedisReply, _ warnings: CacheWarnings) throws(CacheFailure) -> [RedisReply] {
        if let refusal = reply.error { throw .refused(refusal) }
        let answer = reply.elements ?? []
        switch answer.first?.text {
        case "ok": return answer
        case "unowned": throw .unowned
        case "moved", "behind": throw .unfit
        case "odd":
            warnings.removed(answer.dropFirst().compactMap(\.bytes))
            throw .odd
        default: throw .fenced
        }
    }
}

extension CacheFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unowned: "its keys are gone from the server: they are rewritten"
        case .fenced: "another owner has written to its keys"
        case .odd: "keys of another type were in the place of its own: they are rewritten"
        case .incomplete: "a part of its ranking by time is gone: it is rewritten"
        case .unfit: "the pointer was moved, or the generation is not there yet"
        case .refused(let refusal): "the server refuses writes: \(refusal)"
        }
    }
}
