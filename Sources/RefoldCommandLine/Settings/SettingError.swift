/// A setting that cannot be used; ends every command with exit code 78.
package struct SettingError: Error, Equatable, CustomStringConvertible {
    /// What is wrong, with key and value.
    package let message: String
    /// What to do.
    package let remedy: String

    package init(_ message: String, remedy: String) {
        self.message = message
        self.remedy = remedy
    }

    /// The message, then the remedy.
    package var description: String { "\(message) — \(remedy)" }
}
