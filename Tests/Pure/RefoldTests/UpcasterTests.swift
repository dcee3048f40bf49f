import BankingDomain
import Refold
import Testing

@Suite("Older versions of events")
struct UpcasterTests {
    private let upcasters = Upcasters(Upcaster.banking)

    private func opened(_ payload: String, metadata: String? = nil) -> AccountOpened {
        AccountOpened(
            Event(type: .accountOpened, payload: payload, metadata: metadata, upcasters: upcasters).payload
        )
    }

    @Test(
        "Each version is read as the current one, through all upcasters after it",
        arguments: [
            (#"{"account_id":"a","deposit":12.50}"#, nil),
            (#"{"account_id":"a","deposit":12.50}"#, "{}"),
            (#"{"account_id":"a","deposit":12.50}"#, #"{"type_version":null}"#),
            (#"{"account_id":"a","deposit":12.50}"#, #"{"type_version":1,"user_id":"\u0000"}"#),
            (#"{"account_id":"a","deposit":12.50}"#, #"{"type_version":2,"type_version":1.0}"#),
            (#"{"account_id":"a","deposit":12.50,"overdraft_limit":0}"#, #"{"type_version":2}"#),
            (#"{"account_id":"a","initial_deposit":12.50,"overdraft_limit":0}"#, #"{"type_version":3}"#),
        ] as [(String, String?)]
    )
    func chained(payload: String, metadata: String?) throws {
        let event = opened(payload, metadata: metadata)
        #expect(try event.accountID == "a")
        #expect(try event.initialDeposit == ExactDecimal("12.5"))
        #expect(try event.overdraftLimit == .zero)
    }

    @Test("An upcast payload keeps every digit and every member that it does not change")
    func keeps() throws {
        let old = #"{"deposit":123456789012345678901234567890.12,"x":[1.10,{"y":null}],"account_id":"ä\n"}"#
        let new = #"{"initial_deposit":123456789012345678901234567890.12,"x":[1.10,{"y":null}],"account_id":"ä\n","#
        #expect(try upcasters.upcast(.accountOpened, 1, old) == new + #""overdraft_limit":0}"#)
        #expect(try upcasters.upcast(.accountOpened, 3, old) == old)
        #expect(try upcasters.upcast(.accountClosed, 7, old) == old)
    }

    @Test(
        "A version that cannot be read refuses the payload with type, version and reason",
        arguments: [
            ("{}", #"{"type_version":4}"#, "version 4 was written by a newer program: 3 is the newest known here"),
            ("{}", #"{"type_version":0}"#, "has version 0: there is none below 1"),
            ("{}", #"{"type_version":"2"}"#, "the version of account.opened is not an integer"),
            ("{}", #"{"type_version":1.5}"#, "the version of account.opened is not an integer"),
            ("[]", #"{"type_version":2}"#, "version 2 cannot be upcast: its payload is not an object"),
            ("7", "{}", "version 1 cannot be upcast: its payload is not an object"),
        ]
    )
    func refused(payload: String, metadata: String, reason: String) throws {
        let refusal = #expect(throws: EventRefusal.self) { try opened(payload, metadata: metadata).accountID }
        #expect(refusal?.code == .version)
        #expect(refusal?.reason.contains(reason) == true, "\(refusal?.reason ?? "")")
        #expect(refusal?.reason.contains("account.opened") == true)
    }

    @Test("What an upcaster throws refuses the event alone, whatever stands in the reason")
    func throwing() throws {
        struct Broken: Error, CustomStringConvertible { let description = "no \"quotes\" \\ \n { here" }
        let upcasters = Upcasters([
            Upcaster("t", from: 2) { _ in throw Broken() },
            Upcaster("t", from: 1) { $0["a"] = 1 },
        ])
        #expect(upcasters.currentVersion(of: "t") == 3)
        #expect(upcasters.currentVersion(of: "other") == 1)
        var builder = EventBatchBuilder(types: EventTypeCatalog(["t", "other"]), upcasters: upcasters)
        for position in 1...3 as ClosedRange<Int64> {
            let type = position == 3 ? "other" : "t"
            builder.append(
                position: position,
                type: type,
                timestamp: 0,
                payload: #"{"n":\#(position)}"#,
                metadata: position == 2 ? #"{"type_version":3}"# : nil
            )
        }
        let batch = builder.finish()
        let refusal = #expect(throws: EventRefusal.self) { try batch[0].payload.integer("n") }
        #expect(refusal?.description == "t of version 1 cannot be made version 3: no \"quotes\" \\ \n { here")
        #expect(try batch[1].payload.integer("n") == 2)
        #expect(try batch[2].payload.integer("n") == 3)
        #expect(throws: EventRefusal.self) { try batch.borrow(0).payload.contains("n") }
    }

    @Test("Gaps and repetitions are mistakes of ours and stop the program")
    func mistakes() async {
        await #expect(processExitsWith: .failure) { _ = Upcasters([Upcaster("t", from: 2) { _ in }]) }
        await #expect(processExitsWith: .failure) {
            _ = Upcasters([Upcaster("t", from: 1) { _ in }, Upcaster("t", from: 1) { _ in }])
        }
        await #expect(processExitsWith: .failure) {
            _ = Upcasters([Upcaster("t", from: 1) { _ in }, Upcaster("t", from: 3) { _ in }])
        }
    }
}
