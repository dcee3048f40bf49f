import CLI
import Testing

@Suite("Figures for people")
struct FiguresTests {
    @Test("Rates and numbers beyond all whole numbers are shown, not converted")
    func beyond() {
        for rate in [1e19, 7.4e19, 1e300, .greatestFiniteMagnitude] { #expect(Figures.rate(rate).hasSuffix("/s")) }
        #expect(Figures.rate(431_002) == "431,002/s")
        #expect(Figures.rate(.nan) == "–" && Figures.rate(.infinity) == "–")
        #expect(Figures.decimals(1e300, 3).hasPrefix("9223372036854774"))
        #expect(Figures.decimals(-0.5, 1) == "-0.5")
    }
}
