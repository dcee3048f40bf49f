extension NumberSet {
    /// Whether bytes are those of a set.
    package static func isCanonical(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.count == bitSetBytes {
            return bytes.reduce(0) { $0 + $1.nonzeroBitCount } >= bitSetThreshold
        }
        guard bytes.count % 2 == 0, bytes.count < bitSetBytes else { return false }
        var least = 0
        for offset in stride(from: 0, to: bytes.count, by: 2) {
            let member = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
            guard member >= least, member < capacity else { return false }
            least = member + 1
        }
        return true
    }
}

/// Number sets are changed in place: otherwise a popular set would be copied for every member.
extension TableMemory {
    /// Adds a member; false when it was there already, or is too large, which refuses the event.
    func insertMember(_ member: UInt16, into record: Record, at offset: Int) -> Bool {
        guard member < NumberSet.capacity else {
            refuse(
                offset,
                "the number \(member) is too large for a set of \(definition.name): it holds those below 8192"
            )
            return false
        }
        var blob = record.blob(offset)
        if blob.count == NumberSet.bitSetBytes {
            let (byte, bit) = (Int(member >> 3), UInt8(1) << UInt8(member & 7))
            if blob.bytes[byte] & bit != 0 { return false }
            logMember(member, record, offset)
            blob.mutableBytes[byte] |= bit
            return true
        }
        let count = blob.count / 2
        let place = lowerBound(of: member, in: blob.bytes)
        if place < count, blob.bytes.loadUnaligned(fromByteOffset: place * 2, as: UInt16.self) == member {
            return false
        }
        logMember(member, record, offset)
        if count + 1 == NumberSet.bitSetThreshold {
            replace(record, offset, with: bitSet(of: blob.bytes, adding: member))
            return true
        }
        if blob.count + 2 > blob.capacity {
            let larger = allocate(blob.count, capacity: max(16, blob.capacity * 2))
            larger.mutableBytes.copyMemory(from: blob.bytes)
            replace(record, offset, with: larger)
            blob = larger
        }
        blob.setCount(blob.count + 2)
        let bytes = blob.mutableBytes
        if place < count, let base = bytes.baseAddress {
            (base + (place + 1) * 2).copyMemory(
                from: UnsafeRawPointer(base + place * 2),
                byteCount: (count - place) * 2
            )
        }
        bytes.storeBytes(of: member, toByteOffset: place * 2, as: UInt16.self)
        record.setBlob(offset, blob)
        return true
    }

    /// Takes back what ``insertMember(_:into:at:)`` added, down to the same bytes.
    func removeMember(_ member: UInt16, from record: Record, at offset: Int) {
        var blob = record.blob(offset)
        if blob.count == NumberSet.bitSetBytes {
            blob.mutableBytes[Int(member >> 3)] &= ~(UInt8(1) << UInt8(member & 7))
            guard blob.bytes.reduce(0, { $0 + $1.nonzeroBitCount }) < NumberSet.bitSetThreshold else { return }
            let members = (0..<UInt16(NumberSet.capacity)).filter {
                blob.bytes[Int($0 >> 3)] & (1 << UInt8($0 & 7)) != 0
            }
            replace(record, offset, with: members.withUnsafeBytes { copy($0) })
            return
        }
        let place = lowerBound(of: member, in: blob.bytes)
        let rest = blob.count / 2 - place - 1
        if rest > 0, let base = blob.mutableBytes.baseAddress {
            (base + place * 2).copyMemory(from: UnsafeRawPointer(base + (place + 1) * 2), byteCount: rest * 2)
        }
        blob.setCount(blob.count - 2)
        record.setBlob(offset, blob)
    }

    private func logMember(_ member: UInt16, _ record: Record, _ offset: Int) {
        touch(record)
        undo.append(
            .init(
                record: record,
                first: UInt64(member),
                second: 0,
                offset: UInt16(offset),
                table: UInt8(tableIndex),
                kind: .member
            )
        )
    }

    private func replace(_ record: Record, _ offset: Int, with blob: Blob) {
        release(record.blob(offset))
        record.setBlob(offset, blob)
    }

    private func lowerBound(of member: UInt16, in bytes: UnsafeRawBufferPointer) -> Int {
        var low = 0
        var high = bytes.count / 2
        while low < high {
            let middle = (low + high) / 2
            if bytes.loadUnaligned(fromByteOffset: middle * 2, as: UInt16.self) < member {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private func bitSet(of members: UnsafeRawBufferPointer, adding member: UInt16) -> Blob {
        let blob = allocate(NumberSet.bitSetBytes)
        let bits = blob.mutableBytes
        bits.initializeMemory(as: UInt8.self, repeating: 0)
        bits[Int(member >> 3)] |= 1 << UInt8(member & 7)
        for offset in Swift.stride(from: 0, to: members.count, by: 2) {
            let member = members.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
            bits[Int(member >> 3)] |= 1 << UInt8(member & 7)
        }
        return blob
    }
}
