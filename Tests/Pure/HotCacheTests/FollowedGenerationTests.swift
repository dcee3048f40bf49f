import Engine
import HotCache
import Refold
import TestProjections
import Testing

@Suite("What a generation's cache needs next")
struct FollowedGenerationTests {
    private func followed(limit: Int = 100, ranking: HotRanking? = nil) throws -> FollowedGeneration {
        let settings = HotSetSettings(.all, limit: limit, ranking: ranking)
        let hotSet = try #require(try HotSet(settings, of: Shelf()))
        return FollowedGeneration(hotSet: hotSet, generation: 1, fencingValue: 1)
    }

    /// One that was warmed at position 10.
    private func warm(limit: Int = 100, ranking: HotRanking? = nil) throws -> FollowedGeneration {
        var followed = try followed(limit: limit, ranking: ranking)
        followed.beginHealing(anew: true)
        followed.reached(10)
        return followed
    }

    private func rows(_ changes: ShelfChange...) throws -> HotRows {
        let projection = Shelf()
        let hotSet = try #require(try HotSet(HotSetSettings(.all), of: projection))
        let rows = Rows(projection.model, isComplete: true)
        rows.beginPass()
        _ = rows.apply(ShelfChange.put("gone").event(at: 1), with: projection)
        rows.acceptPass()
        _ = rows.memories[1].takeChanges()
        rows.beginPass()
        for change in changes { _ = rows.apply(change.event(at: 2), with: projection) }
        rows.acceptPass()
        return HotRowEncoder(hotSet).encode(rows.memories[1].takeChanges())
    }

    @Test("It is warmed first, and queues nothing before that begins")
    func first() throws {
        var followed = try followed()
        #expect(followed.need == .warm)
        followed.committed(try rows(.put("a")), through: 5, fits: true)
        #expect(followed.waitingRows == 0)
        #expect(followed.need == .warm)
    }

    @Test("Windows that commit while it is being warmed wait, and those that the snapshot had go")
    func whileWarming() throws {
        var followed = try followed()
        followed.beginHealing(anew: true)
        followed.committed(try rows(.put("a")), through: 5, fits: true)
        followed.committed(try rows(.put("b")), through: 6, fits: true)
        followed.reached(5)
        #expect(followed.need == .send)
        #expect(followed.takeWindows().map(\.through) == [6])
        followed.reached(6)
        #expect(followed.need == .nothing)
    }

    @Test("A window that does not fit empties the queue; what it and those behind it changed is refreshed")
    func overflow() throws {
        var followed = try warm()
        followed.committed(try rows(.put("a")), through: 11, fits: true)
        followed.committed(try rows(.put("b")), through: 12, fits: false)
        #expect(followed.waitingRows == 0)
        #expect(!followed.isAccepting)
        followed.committed(try rows(.put("c")), through: 13, fits: true)
        #expect(followed.need == .refresh(after: 10))
        followed.beginHealing(anew: false)
        followed.committed(try rows(.put("d")), through: 14, fits: true)
        followed.reached(13)
        #expect(followed.need == .send)
    }

    @Test("A missed window that the snapshot did not have makes it be refreshed once more")
    func missedWhileRefreshing() throws {
        var followed = try warm()
        followed.committed(.skipped, through: 11, fits: true)
        #expect(followed.need == .warm, "a window that nobody looked at may have removed rows")
        followed.beginHealing(anew: true)
        followed.committed(.skipped, through: 13, fits: true)
        #expect(followed.isAccepting, "windows that are encoded from here on are needed")
        followed.reached(12)
        #expect(followed.need == .warm)
    }

    @Test("Missed removals, and more changes than the set is large, make it be warmed")
    func warmedRatherThanRefreshed() throws {
        var followed = try warm(limit: 5)
        followed.committed(try rows(.put("a")), through: 15, fits: false)
        #expect(followed.need == .refresh(after: 10))
        followed.committed(try rows(.put("a")), through: 16, fits: false)
        #expect(followed.need == .warm)

        var other = try warm()
        other.committed(try rows(.taken("gone")), through: 11, fits: false)
        #expect(other.need == .warm)
    }

    @Test("Windows that were lost on their way are refreshed, or warmed where a ranking may have lost a key")
    func lost() throws {
        var followed = try warm()
        followed.committed(try rows(.put("a")), through: 11, fits: true)
        followed.lost(followed.takeWindows())
        #expect(followed.need == .refresh(after: 10))

        var ranked = try warm(ranking: HotRanking(score: "score"))
        ranked.committed(try rows(.put("a")), through: 11, fits: true)
        ranked.lost(ranked.takeWindows())
        #expect(ranked.need == .warm)

        // One by time says itself from when on it is complete.
        var timed = try warm(ranking: HotRanking(time: "seen", within: .seconds(60)))
        timed.committed(try rows(.put("a")), through: 11, fits: true)
        timed.lost(timed.takeWindows())
        #expect(timed.need == .refresh(after: 10))
    }

    @Test("Readers may be sent to it while what commits arrives, and for ten seconds while nothing does")
    func mayBeRead() throws {
        let start = ContinuousClock.now
        var followed = try followed()
        #expect(!followed.mayBeRead(at: start), "nobody knows what is there")
        followed.beginHealing(anew: true)
        followed.reached(10)
        #expect(followed.mayBeRead(at: start + .seconds(3600)))
        followed.committed(try rows(.put("a")), through: 11, fits: true, at: start)
        #expect(followed.mayBeRead(at: start + .seconds(9)))
        #expect(!followed.mayBeRead(at: start + .seconds(11)))
        followed.progressed(at: start + .seconds(8))
        #expect(followed.mayBeRead(at: start + .seconds(17)))
        followed.committed(.skipped, through: 12, fits: true, at: start + .seconds(9))
        #expect(!followed.mayBeRead(at: start + .seconds(19)))
        followed.reached(12)
        #expect(followed.mayBeRead(at: start + .seconds(3600)))
        followed.forgetSent()
        #expect(!followed.mayBeRead(at: start))
    }

    @Test("After the server has lost something all of it is replaced, whatever was told before")
    func distrusted() throws {
        var followed = try warm()
        followed.committed(.skipped, through: 1000, fits: true)
        followed.distrust()
        #expect(followed.need == .replace)
        followed.trust()
        followed.beginHealing(anew: true)
        followed.reached(7)
        #expect(followed.need == .nothing)
    }

    @Test("A window that is known already changes nothing")
    func known() throws {
        var followed = try warm()
        followed.committed(try rows(.put("a")), through: 10, fits: false)
        #expect(followed.need == .nothing)
    }

    @Test("A set that nobody changes is written anew after half of its time, and counts from then on")
    func old() throws {
        let start = ContinuousClock.now
        var followed = try followed()
        followed.beginHealing(anew: true)
        followed.warmed(through: 10, at: start)
        followed.renewOldSet(at: start + .seconds(7 * 86_400 / 2))
        #expect(followed.need == .nothing)
        followed.renewOldSet(at: start + .seconds(7 * 86_400 / 2 + 1))
        #expect(followed.need == .warm)
        followed.beginHealing(anew: true)
        followed.warmed(through: 10, at: start + .seconds(4 * 86_400))
        followed.renewOldSet(at: start + .seconds(7 * 86_400))
        #expect(followed.need == .nothing)
    }
}
