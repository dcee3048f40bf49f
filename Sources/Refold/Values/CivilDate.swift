/// A day of the Gregorian calendar.
///
/// Days are counted from 2000-01-01, in eras of 400 years that begin on a 1st of March, so that the leap day is a
/// year's last (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
struct CivilDate {
    /// Year 0 is 1 BC.
    let year: Int64
    let month: Int64
    let day: Int64

    /// 2000-01-01 as a day of the era that began on the 1st of March of the year 0.
    private static let daysFromMarchOfYear0: Int64 = 730_425
    private static let daysOfEra: Int64 = 146_097

    init(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The date of a day counted from 2000-01-01.
    init(daysSince2000 days: Int64) {
        let (era, dayOfEra) = (days + Self.daysFromMarchOfYear0).floorDivided(by: Self.daysOfEra)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// The day counted from 2000-01-01.
    var daysSince2000: Int64 {
        let (era, yearOfEra) = (month <= 2 ? year - 1 : year).floorDivided(by: 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * Self.daysOfEra + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - Self.daysFromMarchOfYear0
    }
}

extension Int64 {
    /// Quotient and remainder, the remainder never negative.
    func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
