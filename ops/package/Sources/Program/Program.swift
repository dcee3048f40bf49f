import Orders
import RefoldCommandLine

/// Everything that `@name@` runs. Each further projection or aggregate is one more line.
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
