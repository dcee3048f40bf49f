internal import Glibc
package import Refold
internal import Synchronization

/// The process's outputs. Results go to stdout; messages, logs and progress to stderr, where the progress bar keeps the
/// last line.
///
/// What people read is written line by line, each as `String.printable` shows it: whatever ids, payloads and errors
/// hold, it begins no other line and steers no terminal. What programs read, JSON, is written character by character.
package enum Console {
    private static let bar = Mutex("")
    private static let eraseLine = "\r\u{1B}[K"

    /// Writes a line to stdout.
    package static func out(_ line: String) { result(line.printable) }

    /// Writes lines to stdout.
    package static func out(lines: [String]) { result(lines.map(\.printable).joined(separator: "\n")) }

    /// Writes JSON to stdout, and a newline.
    package static func out(json: JSON) { result(json.text) }

    /// Writes the help to stdout: text of this program's own, in several lines.
    static func out(help: String) { result(help) }

    private static func result(_ text: String) {
        bar.withLock { bar in
            if !bar.isEmpty { put(2, eraseLine) }
            put(1, text + "\n")
            if !bar.isEmpty { put(2, bar) }
        }
    }

    /// Empties the terminal at stdout, if it is one.
    static func clear() {
        if outputIsTerminal { put(1, "\u{1B}[H\u{1B}[2J") }
    }

    /// Writes a line to stderr, above the progress bar if there is one.
    package static func error(_ line: String) {
        let line = line.printable
        bar.withLock { bar in
            put(2, bar.isEmpty ? line + "\n" : "\(eraseLine)\(line)\n\(bar)")
        }
    }

    /// Shows, changes or, with an empty text, removes the progress bar.
    package static func show(bar text: String) {
        let text = text.printable
        bar.withLock { bar in
            if text.isEmpty && bar.isEmpty { return }
            put(2, eraseLine + text)
            bar = text
        }
    }

    /// Whether somebody watches stderr.
    package static var errorIsTerminal: Bool { isatty(2) == 1 }
    /// Whether somebody watches stdout.
    static var outputIsTerminal: Bool { isatty(1) == 1 }
    /// Whether somebody can answer.
    static var canAsk: Bool { isatty(0) == 1 && isatty(2) == 1 }

    /// Columns of the terminal at stderr, 80 when it does not say.
    static var width: Int {
        var size = winsize()
        return ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Asks a question that is answered by yes or no; no without an answer.
    static func confirm(_ question: String) -> Bool {
        put(2, question.printable + " [y/N] ")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }

    private static func put(_ descriptor: Int32, _ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            // Nobody reads any more; there is nobody left to tell.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
