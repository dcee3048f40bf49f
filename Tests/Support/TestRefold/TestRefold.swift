import Refold
import RefoldCommandLine
import TestProjections

/// A program with projections that emit, for tests that need one in a process of its own.
@main
enum TestRefold {
    static func main() async {
        await RefoldCommand.main(Installation(name: "TestRefold", projections: [Echo(), Listener()]))
    }
}
