/// A setting of a projection: a key of the configuration, `projections.SECTION.NAME`, with its present value and the
/// values it may have.
///
/// The value of the projection that an installation lists is the default; ``Projection/with(_:)`` makes the one that
/// the configuration asks for.
public struct ProjectionSetting: Sendable, Hashable {
    /// A value, and the values that the configuration may give instead.
    public enum Value: Sendable, Hashable {
        /// A time, written with its unit: `250ms`, `10s`, `5m`, `24h`, `30d`.
        case duration(Duration, in: ClosedRange<Duration>)
        /// A whole number.
        case integer(Int, in: ClosedRange<Int>)
        /// `true` or `false`.
        case boolean(Bool)
        /// One of a few words.
        case word(String, of: [String])
    }

    /// The last part of the key: lower-case letters and hyphens, and neither `policy` nor `hot`.
    public let name: String
    /// The present value, and what else it may be.
    public let value: Value
    /// The projection that the setting's key names. Projections that share a setting state the same one.
    public let section: ProjectionName
    /// Whether other values give other rows. Such a setting is part of a generation's identity: after a change, `tail`
    /// refuses to continue and asks for a rebuild.
    public let changesFold: Bool

    /// A setting as a projection states it.
    public init(_ name: String, _ value: Value, of section: ProjectionName, changesFold: Bool) {
        precondition(
            !name.isEmpty && name.utf8.allSatisfy { ("a"..."z").contains(Character(UnicodeScalar($0))) || $0 == 0x2D }
                && name != "policy" && name != "hot",
            "'\(name)' is no name for a setting of a projection"
        )
        self.name = name
        self.value = value
        self.section = section
        self.changesFold = changesFold
    }

    /// Its key in the configuration: `projections.trending_score.half-life`.
    package var key: String { "projections.\(section).\(name)" }

    /// Its form in a generation's identity; stored, so it must not change.
    package var identity: String {
        switch value {
        case .duration(let time, _): "\(name)=\(time.inSeconds) seconds"
        case .integer(let number, _): "\(name)=\(number)"
        case .boolean(let value): "\(name)=\(value)"
        case .word(let word, _): "\(name)=\(word)"
        }
    }
}

/// What the configuration says about the settings that a projection states, each by the setting's name.
///
/// Asking for a name that is not stated, or for another type, stops the program.
public struct SettingValues: Sendable {
    private let values: [String: ProjectionSetting.Value]

    init(_ values: [String: ProjectionSetting.Value]) {
        self.values = values
    }

    /// The value of a time.
    public func duration(_ name: String) -> Duration {
        guard case .duration(let time, _) = values[name] else { unstated(name, "duration") }
        return time
    }

    /// The value of a whole number.
    public func integer(_ name: String) -> Int {
        guard case .integer(let number, _) = values[name] else { unstated(name, "integer") }
        return number
    }

    /// The value of a truth value.
    public func boolean(_ name: String) -> Bool {
        guard case .boolean(let value) = values[name] else { unstated(name, "boolean") }
        return value
    }

    /// The value of a word.
    public func word(_ name: String) -> String {
        guard case .word(let word, _) = values[name] else { unstated(name, "word") }
        return word
    }

    private func unstated(_ name: String, _ type: String) -> Never {
        preconditionFailure("the projection states no setting '\(name)' of the type \(type)")
    }
}

extension Projection {
    /// The projection that the configuration asks for.
    ///
    /// - Parameter said: values by ``ProjectionSetting/key``; what is left out stays as it is.
    package func configured(by said: [String: ProjectionSetting.Value]) -> Self {
        guard !settings.isEmpty else { return self }
        let wanted = settings.map { said[$0.key] ?? $0.value }
        let result = with(SettingValues(Dictionary(uniqueKeysWithValues: zip(settings.map(\.name), wanted))))
        precondition(result.settings.map(\.value) == wanted, "\(name): with(_:) has to take every setting's value")
        return result
    }
}
