internal import Postgres

/// What the functions in `Schema/refold.sql` raise.
extension SQLState {
    /// RF001, raised by `refold.advance`: position or fencing value of the checkpoint are not those that the commit states.
    /// Another process owns the generation now, or the pointer has moved.
    static let commitFenced = SQLState("RF001")
}
