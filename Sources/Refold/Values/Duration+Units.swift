extension Duration {
    /// So many days of 24 hours.
    public static func days(_ days: Int64) -> Duration { .seconds(days * 86_400) }

    /// So many hours.
    public static func hours(_ hours: Int64) -> Duration { .seconds(hours * 3_600) }

    /// The duration as a number of seconds.
    public var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
