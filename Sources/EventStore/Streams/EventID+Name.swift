extension EventID {
    /// The id of something that has a name: the same whenever and wherever it is made. A UUID of version 5.
    ///
    /// https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-5
    ///
    /// - Parameters:
    ///   - namespace: the UUID within which the name says what is meant.
    ///   - name: compared by its bytes in UTF-8.
    public init(namespace: EventID, name: String) {
        let digest = SHA1.digest(of: namespace.bytes + Array(name.utf8))
        self.init(
            high: UInt64(digest[0]) << 32 | UInt64(digest[1]) & 0xFFFF_0FFF | 0x5000,
            low: (UInt64(digest[2]) << 32 | UInt64(digest[3])) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        )
    }
}
