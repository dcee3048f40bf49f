import RefoldCommandLine
import Testing

@Suite("Format for people")
struct FormatTests {
    @Test("Rates and numbers beyond all whole numbers are shown, not converted")
    func beyond() {
        for rate in [1e19, 7.4e19, 1e300, .greatestFiniteMagnitude] { #expect(Format.rate(rate).hasSuffix("/s")) }
        #expect(Format.rate(431_002) == "431,002/s")
        #expect(Format.rate(.nan) == "–" && Format.rate(.infinity) == "–")
        #expect(Format.decimals(1e300, 3).hasPrefix("9223372036854774"))
        #expect(Format.decimals(-0.5, 1) == "-0.5")
    }
}
