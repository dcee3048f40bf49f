import RefoldCommandLine

/// The executable `refold`.
@main
enum Main {
    static func main() async {
        await Program.main()
    }
}
