import RefoldCommandLine
import RefoldInstallation

/// The executable `refold`.
@main
enum Main {
    static func main() async {
        await RefoldCommand.main(.refold)
    }
}
