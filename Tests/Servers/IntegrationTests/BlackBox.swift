import Postgres
import TestSupport
import Testing

/// The black-box tests: the built `refold` against real servers.
///
/// One after the other, because each starts processes of its own and some assert what happens within a time.
@Suite("Refold as a whole", .serialized) enum BlackBox {}
