import Engine
import HotCache
import Refold
import TestProjections
import Testing

@Suite("Moves of the pointer that the cache follows")
struct PointerMovesTests {
    /// Generation 2 with the fencing value 7, warmed at a position.
    private func followed(sent: Int64? = 10) throws -> FollowedGeneration {
        let hotSet = try #require(try HotSet(HotSetSettings(.all), of: Shelf()))
        var followed = FollowedGeneration(hotSet: hotSet, generation: 2, fencingValue: 7)
        followed.beginHealing(anew: true)
        if let sent { followed.reached(sent) }
        return followed
    }

    private func cached(
        live: GenerationNumber? = 1,
        revision: Int64? = 3,
        owner: FencingValue? = 7,
        through: Int64? = 10
    ) -> CachedPointer {
        CachedPointer(live: live, revision: revision, owner: owner, through: through)
    }

    private func stored(
        live: GenerationNumber? = 2,
        kept: GenerationNumber? = nil,
        revision: Int64 = 4,
        position: Int64 = 10,
        fencingValue: FencingValue = 7
    ) -> LivePointer {
        LivePointer(live: live, kept: kept, revision: revision, position: position, fencingValue: fencingValue)
    }

    @Test("The cache's pointer moves once everything is there that readers saw when the move was seen")
    func flips() throws {
        var moves = PointerMoves()
        let behind = stored(position: 12)
        #expect(moves.next(for: try followed(), cached(), behind, mayBeRead: true) == .wait)
        // The generation goes on meanwhile; what it had when the move was seen is enough.
        let later = stored(position: 90)
        let ready = try followed(sent: 12)
        #expect(moves.next(for: ready, cached(through: 12), later, mayBeRead: true) == .flip(atLeast: 12))
        moves.hasReached("shelf")
        let here = cached(live: 2, revision: 4, through: 12)
        #expect(moves.next(for: ready, here, later, mayBeRead: true) == .none)
    }

    @Test("A further move asks for what readers see after that one")
    func movedAgain() throws {
        var moves = PointerMoves()
        #expect(moves.next(for: try followed(), cached(), stored(position: 12), mayBeRead: true) == .wait)
        let again = stored(revision: 5, position: 14)
        #expect(moves.next(for: try followed(sent: 12), cached(through: 12), again, mayBeRead: true) == .wait)
        #expect(
            moves.next(for: try followed(sent: 14), cached(through: 14), again, mayBeRead: true) == .flip(atLeast: 14)
        )
    }

    @Test("Another owner ends it, whatever else differs")
    func fenced() throws {
        var moves = PointerMoves()
        #expect(moves.next(for: try followed(), cached(owner: 8), stored(fencingValue: 8), mayBeRead: true) == .giveUp)
    }

    @Test("A cache that has lost its owner or its position is not believed", arguments: [nil, 8] as [FencingValue?])
    func lost(owner: FencingValue?) throws {
        var moves = PointerMoves()
        #expect(moves.next(for: try followed(), cached(owner: owner), stored(), mayBeRead: true) == .forget)
        #expect(moves.next(for: try followed(), cached(through: 9), stored(), mayBeRead: true) == .forget)
        #expect(moves.next(for: try followed(), cached(through: nil), stored(), mayBeRead: true) == .forget)
    }

    @Test("Readers are sent nowhere before it is warmed, while it may not be read, or when it is not live")
    func stays() throws {
        var moves = PointerMoves()
        #expect(moves.next(for: try followed(sent: nil), cached(), stored(), mayBeRead: false) == .none)
        #expect(moves.next(for: try followed(), cached(), stored(), mayBeRead: false) == .none)
        #expect(moves.next(for: try followed(), cached(), stored(live: 3), mayBeRead: true) == .none)
        #expect(moves.next(for: try followed(), cached(live: 2, revision: 4), stored(), mayBeRead: true) == .none)
    }

    @Test("What was live before expires even if the process that moved the pointer ended before it came to that")
    func retires() throws {
        var moves = PointerMoves()
        let here = cached(live: 2, revision: 4)
        #expect(moves.next(for: try followed(), here, stored(kept: 1), mayBeRead: true) == .retire(1))
        #expect(moves.next(for: try followed(), here, stored(kept: 1), mayBeRead: true) == .retire(1))
        moves.hasRetired("shelf", at: 4)
        #expect(moves.next(for: try followed(), here, stored(kept: 1), mayBeRead: true) == .none)
        let again = cached(live: 2, revision: 6)
        #expect(moves.next(for: try followed(), again, stored(kept: 1, revision: 6), mayBeRead: true) == .retire(1))
    }
}
