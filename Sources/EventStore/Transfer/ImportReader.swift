internal import BlockingCalls
internal import Glibc
internal import Refold

/// Lines that are imported together.
struct ImportBatch: Sendable {
    /// The bytes of all lines.
    let bytes: [UInt8]
    /// The events; lines with nothing but space are none.
    let lines: [ImportLine]
    /// Where the input stands after it.
    let end: ImportPlace
}

/// How far an input was read.
struct ImportPlace: Sendable, Hashable {
    var bytes: Int64 = 0
    var lines: Int64 = 0
    /// Of all lines up to here.
    var digest: UInt64 = 0
}

/// Reads the lines of an input, on an executor of its own: pipes and disks block.
actor ImportReader {
    private let executor = BlockingExecutor(label: "refold.import")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let descriptor: Int32
    private let linesPerBatch: Int
    private let bytesPerBatch: Int
    private var place = ImportPlace()
    /// What was read beyond the last batch.
    private var rest: [UInt8] = []
    private var isAtEnd = false

    private static let pieceSize = 1 << 20
    /// PostgreSQL takes values of up to 1 GiB, and JSON of a quarter of that.
    private static let longestLine = 256 << 20

    /// - Parameter descriptor: an open file; the reader does not close it.
    init(_ descriptor: Int32, linesPerBatch: Int, bytesPerBatch: Int) {
        self.descriptor = descriptor
        self.linesPerBatch = linesPerBatch
        self.bytesPerBatch = bytesPerBatch
    }

    /// The digest of the first line, by which an input is known; nil when the input is empty. Nothing is skipped.
    func firstLine() throws(EventStoreError) -> UInt64? {
        guard let (bytes, lines) = try take(lines: 1, bytes: 1) else { return nil }
        rest = bytes + rest
        return bytes.withUnsafeBytes { Self.digest(of: UnsafeRawBufferPointer(rebasing: $0[lines[0]]), after: 0) }
    }

    /// Skips what was imported before.
    ///
    /// - Returns: false when the input is another one.
    func skip(to known: ImportPlace) throws(EventStoreError) -> Bool {
        while place.bytes < known.bytes {
            let left = Int(known.bytes - place.bytes)
            guard let (bytes, lines) = try take(lines: linesPerBatch, bytes: min(left, bytesPerBatch)) else {
                return false
            }
            pass(bytes, lines)
        }
        return place.digest == known.digest && place.lines == known.lines
    }

    /// Goes back to the beginning.
    ///
    /// - Returns: false for an input that can be read only once, such as a pipe.
    func rewind() -> Bool {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { return false }
        place = ImportPlace()
        rest = []
        isAtEnd = false
        return true
    }

    /// The next lines; nil at the end.
    ///
    /// - Throws: `invalidLines` with all that are bad among them, up to twenty.
    func nextBatch() throws(EventStoreError) -> ImportBatch? {
        guard let (bytes, ranges) = try take(lines: linesPerBatch, bytes: bytesPerBatch) else { return nil }
        let before = place.lines
        pass(bytes, ranges)
        var lines: [ImportLine] = []
        lines.reserveCapacity(ranges.count)
        var bad: [BadLine] = []
        bytes.withUnsafeBytes { bytes in
            for (index, range) in ranges.enumerated() where !bytes[range].allSatisfy(Self.isSpace) {
                do throws(BadLine) {
                    lines.append(try ImportLine(Int(before) + index + 1, bytes, range))
                } catch {
                    bad.append(error)
                    if bad.count == 20 { return }
                }
            }
        }
        guard bad.isEmpty else { throw .invalidLines(bad) }
        return ImportBatch(bytes: bytes, lines: lines, end: place)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0D || byte == 0x09 }

    // MARK: Lines

    private func pass(_ bytes: [UInt8], _ lines: [Range<Int>]) {
        place.bytes += Int64(bytes.count)
        place.lines += Int64(lines.count)
        bytes.withUnsafeBytes { bytes in
            for line in lines {
                place.digest = Self.digest(of: UnsafeRawBufferPointer(rebasing: bytes[line]), after: place.digest)
            }
        }
    }

    /// Takes lines until there are so many, or until they have so many bytes; nil at the end of the input.
    ///
    /// - Returns: the bytes with the newlines, and the lines without them.
    private func take(lines limit: Int, bytes byteLimit: Int) throws(EventStoreError) -> ([UInt8], [Range<Int>])? {
        var bytes = rest
        rest = []
        var lines: [Range<Int>] = []
        var (start, scanned) = (0, 0)
        while lines.count < limit, start < byteLimit {
            if let newline = Self.newline(in: bytes, from: scanned) {
                lines.append(start..<newline)
                start = newline + 1
                scanned = start
                continue
            }
            scanned = bytes.count
            if isAtEnd {
                if start < bytes.count {
                    lines.append(start..<bytes.count)
                    start = bytes.count
                }
                break
            }
            guard bytes.count - start <= Self.longestLine else {
                let number = Int(place.lines) + lines.count + 1
                throw .invalidLines([BadLine(number: number, reason: "it is longer than 256 MiB")])
            }
            try read(into: &bytes)
        }
        guard !lines.isEmpty else { return nil }
        rest = Array(bytes[start...])
        bytes.removeLast(bytes.count - start)
        return (bytes, lines)
    }

    private static func newline(in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, start < bytes.count,
                let found = memchr(base + start, Int32(UInt8(ascii: "\n")), bytes.count - start)
            else { return nil }
            return base.distance(to: UnsafeRawPointer(found))
        }
    }

    private func read(into bytes: inout [UInt8]) throws(EventStoreError) {
        let count = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: Self.pieceSize))
        var length: Int
        repeat {
            length = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, Self.pieceSize) }
        } while length < 0 && errno == EINTR
        guard length >= 0 else {
            let reason = String(cString: strerror(errno))
            throw EventStoreError(.unreadableInput, "reading the input failed after line \(place.lines): \(reason)")
        }
        bytes.removeLast(Self.pieceSize - length)
        isAtEnd = length == 0
    }

    /// Eight bytes at a time; by line, so that it does not depend on how the lines are read. It distinguishes inputs
    /// that were not made to be mistaken for each other.
    private static func digest(of line: UnsafeRawBufferPointer, after digest: UInt64) -> UInt64 {
        func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
            let product = (a ^ b).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
            return product.high ^ product.low
        }
        var digest = mix(digest, UInt64(line.count) &+ 0x2545_F491_4F6C_DD1D)
        var at = 0
        while at + 8 <= line.count {
            digest = mix(digest, line.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &+ 0x632B_E59B_D9B4_E019
            at += 8
        }
        var tail: UInt64 = 0
        while at < line.count {
            tail = tail << 8 | UInt64(line[at])
            at += 1
        }
        return mix(digest, tail) &+ 0x632B_E59B_D9B4_E019
    }
}
