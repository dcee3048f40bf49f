import Refold
import Testing

@Suite("Texts as people are shown them")
struct PrintableTests {
    @Test(
        "What breaks lines, steers terminals, turns directions or cannot be seen is escaped as in JSON",
        arguments: [
            ("a\nb\r\n\tc", #"a\nb\r\n\tc"#), ("\u{1B}[2J", #"\u001b[2J"#),
            ("\u{0}\u{7F}\u{9B}", #"\u0000\u007f\u009b"#),
            ("a\u{85}b\u{2028}c\u{2029}", #"a\u0085b\u2028c\u2029"#), ("\u{202E}txt.exe", #"\u202etxt.exe"#),
            ("\u{2066}\u{2069}\u{61C}\u{200F}", #"\u2066\u2069\u061c\u200f"#),
            ("a\u{200B}\u{FEFF}\u{AD}", #"a\u200b\ufeff\u00ad"#),
            ("\u{E0001}", #"\udb40\udc01"#),
        ]
    )
    func escapes(text: String, shown: String) {
        #expect(text.printable == shown)
        #expect(shown.printable == shown)
    }

    @Test(
        "Everything else stays as it is",
        arguments: ["", "plain \\ \" text", "käthe 長い夜 محمد", "👩‍👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿 न्‍", "cafe\u{301}", "\u{301}", "{\"a\": \"\\n\"}"]
    )
    func keeps(text: String) {
        #expect(text.printable.utf8.elementsEqual(text.utf8))
        #expect(text.abbreviated().utf8.elementsEqual(text.utf8))
    }

    @Test("An identifier of any length is shown by its beginning and its length")
    func abbreviates() {
        #expect("abcdef".abbreviated(6) == "abcdef")
        #expect("abcdef\n".abbreviated(6) == "abcdef… (7 bytes)")
        #expect("ab\n".abbreviated(2) == "ab… (3 bytes)")
        #expect("\né€".abbreviated(2) == "\\né… (6 bytes)")
    }
}
