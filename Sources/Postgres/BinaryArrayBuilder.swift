/// Builds an array of one dimension in PostgreSQL's binary form: dimensions, whether it has nulls, the type of the elements,
/// length, lower bound, elements (`array_recv` in `arrayfuncs.c`).
package struct BinaryArrayBuilder: Sendable {
    /// The number of elements.
    package private(set) var count = 0
    private var fields = BinaryFields()
    private let type: UInt32

    private static let lengthOffset = 12

    /// - Parameters:
    ///   - element: the OID of the elements' type.
    ///   - type: the OID of the array's.
    package init(of element: UInt32, as type: UInt32, hasNulls: Bool) {
        self.type = type
        fields.storeNumber(Int32(1))
        fields.storeNumber(Int32(hasNulls ? 1 : 0))
        fields.storeNumber(Int32(bitPattern: element))
        fields.storeNumber(Int32(0))
        fields.storeNumber(Int32(1))
    }

    /// Appends the one field that the body does.
    ///
    /// - Returns: the bytes that the element took.
    @inline(__always)
    package mutating func append(_ element: (inout BinaryFields) -> Void) -> Int {
        let start = fields.count
        element(&fields)
        count += 1
        return fields.count - start
    }

    /// The array with its elements; the builder is used up.
    package mutating func take() -> PostgresValue {
        fields.replaceNumber(at: Self.lengthOffset, by: Int32(count))
        return .binary(type: type, bytes: fields.takeLast())
    }
}
