/// The older versions of events' types, and how each becomes the current one.
///
/// The version of an event's type is the integer `type_version` of its metadata; where it is absent or null it is 1.
/// Projections and aggregates only ever see payloads of the current version, which is one above the last upcaster's;
/// types without upcasters are read as they are, whatever their version. An event of a version above the current one
/// was written by a newer program: reading its payload refuses it, as does an error that an upcaster throws.
///
/// Rows depend on what upcasters make of old events: when you change one, raise the version of the projections that
/// take the type.
public struct Upcasters: Sendable {
    /// The member of an event's metadata that says its version.
    public static let versionName = "type_version"

    /// The upcasters of each type, from version 1 on.
    private let chains: [EventType: [Upcaster]]
    /// The same types by their ids, for a quick check of each event.
    private let concerned: EventTypeSet

    /// - Parameter list: in any order; those of a type must lead from version 1 upwards without a gap.
    public init(_ list: [Upcaster] = []) {
        chains = Dictionary(grouping: list, by: \.type).mapValues { $0.sorted { $0.version < $1.version } }
        concerned = EventTypeSet(Array(chains.keys))
        for (type, chain) in chains {
            precondition(
                chain.map(\.version) == Array(1...chain.count),
                "the upcasters of \(type) take versions \(chain.map(\.version)), not each from 1 on once"
            )
        }
    }

    private init(chains: [EventType: [Upcaster]]) {
        self.chains = chains
        concerned = EventTypeSet(Array(chains.keys))
    }

    /// Whether no type has any.
    public var isEmpty: Bool { chains.isEmpty }

    /// The types that have upcasters, in the order of their names.
    public var types: [EventType] { chains.keys.sorted { $0.name < $1.name } }

    /// The version that readers of the type see; 1 when it has no upcasters.
    public func currentVersion(of type: EventType) -> Int { (chains[type]?.count ?? 0) + 1 }

    /// The upcasters of these types alone.
    package func of(_ types: some Sequence<EventType>) -> Upcasters {
        if isEmpty { return self }
        let types = Set(types)
        return Upcasters(chains: chains.filter { types.contains($0.key) })
    }

    /// Whether a type has upcasters.
    @inline(__always)
    package func concern(_ type: EventType) -> Bool { concerned.contains(type) }

    /// The payload in the current version.
    ///
    /// - Parameters:
    ///   - version: the payload's; one that has no upcasters is taken as it is.
    ///   - payload: JSON text.
    /// - Throws: `EventRefusal` with code `version`, naming type, version and reason.
    public func upcast(_ type: EventType, _ version: Int, _ payload: String) throws(EventRefusal) -> String {
        guard let chain = chains[type] else { return payload }
        let current = chain.count + 1
        if version == current { return payload }
        guard version < current else {
            throw EventRefusal(
                .version,
                "\(type) of version \(version) was written by a newer program: \(current) is the newest known here"
            )
        }
        guard version >= 1 else {
            throw EventRefusal(.version, "\(type) has version \(version): there is none below 1")
        }
        var object = try Self.object(payload, of: type, version)
        for upcaster in chain[(version - 1)...] {
            do {
                try upcaster.upcast(&object)
            } catch {
                let reason = "\(type) of version \(version) cannot be made version \(upcaster.version + 1): \(error)"
                throw EventRefusal(.version, reason)
            }
        }
        return object.text
    }

    private static func object(
        _ payload: String,
        of type: EventType,
        _ version: Int
    ) throws(EventRefusal) -> JSON.Object {
        do {
            if let object = try JSON(parsing: payload).asObject { return object }
        } catch {
            throw EventRefusal(.version, "\(type) of version \(version) cannot be upcast: its payload is \(error)")
        }
        throw EventRefusal(.version, "\(type) of version \(version) cannot be upcast: its payload is not an object")
    }

    /// The version that an event's metadata states.
    ///
    /// - Parameter metadata: JSON text; nil when there is none.
    /// - Throws: `EventRefusal` when the value there is no version.
    public func version(of type: EventType, in metadata: String?) throws(EventRefusal) -> Int {
        guard let metadata, chains[type] != nil else { return 1 }
        let stated: JSON?
        do {
            stated = try JSON(parsing: metadata).asObject?[Self.versionName]
        } catch {
            throw EventRefusal(.version, "the version of \(type) cannot be read: its metadata is \(error)")
        }
        guard let stated, !stated.isNull else { return 1 }
        guard let version = stated.asInteger else {
            throw EventRefusal(.version, "the version of \(type) is not an integer")
        }
        return Int(version)
    }

    /// The payload in the current version, its own version taken from the metadata.
    ///
    /// - Throws: `EventRefusal` with code `version`.
    package func upcast(_ type: EventType, payload: String, metadata: String?) throws(EventRefusal) -> String {
        try upcast(type, version(of: type, in: metadata), payload)
    }
}
