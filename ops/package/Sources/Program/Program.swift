import Orders
import RefoldCommandLine

/// Everything that `@name@` runs. A projection, or an aggregate, more is a line more.
@main
enum Program {
    static func main() async {
        await RefoldCommand.main(
            Installation(
                name: "@name@",
                projections: [
                    CustomerTotals()
                ],
                aggregates: [
                    Order.self
                ]
            )
        )
    }
}
