import RefoldCommandLine
import Testing

@Suite("Units of settings and flags")
struct UnitsTests {
    @Test(
        "A time is a whole number with a unit",
        arguments: [
            ("250ms", Duration.milliseconds(250)), ("10s", .seconds(10)), ("5m", .seconds(300)),
            ("24h", .seconds(86_400)),
            ("30d", .seconds(2_592_000)), ("0s", .zero), ("1000ms", .seconds(1)),
        ]
    )
    func time(text: String, duration: Duration) {
        #expect(TimeSpan(text)?.duration == duration)
    }

    @Test(
        "Anything else is no time",
        arguments: [
            "", "10", "s", "10 s", "1.5s", "-1s", "+1s", "10S", "10sec", "1h30m", "99999999999999999999s",
            "9999999999999999d",
        ]
    )
    func noTime(text: String) {
        #expect(TimeSpan(text) == nil)
    }

    @Test("A time is shown in the largest unit that leaves it whole")
    func timeShown() {
        #expect("\(TimeSpan(.seconds(86_400)))" == "1d")
        #expect("\(TimeSpan(.seconds(90)))" == "90s")
        #expect("\(TimeSpan(.milliseconds(1_500)))" == "1500ms")
        #expect("\(TimeSpan(.zero))" == "0ms")
    }

    @Test(
        "A size is a whole number with a binary unit",
        arguments: [
            ("64KiB", 65_536), ("128MiB", 134_217_728), ("1GiB", 1_073_741_824), ("2TiB", 2_199_023_255_552), ("7B", 7),
        ]
    )
    func size(text: String, bytes: Int) {
        #expect(ByteSize(text)?.bytes == bytes)
        #expect("\(ByteSize(bytes: bytes))" == text)
    }

    @Test(
        "Anything else is no size",
        arguments: ["", "5", "5 apples", "MiB", "1.5GiB", "64KB", "64kib", "-1MiB", "9999999999TiB"]
    )
    func noSize(text: String) {
        #expect(ByteSize(text) == nil)
    }

    @Test("A size that is not whole is shown with one decimal")
    func sizeShown() {
        #expect("\(ByteSize(bytes: 1_600))" == "1.6KiB")
        #expect("\(ByteSize(bytes: 0))" == "0B")
    }
}
