public import Refold

extension Upcaster {
    /// How the older versions of the banking events become the current ones.
    ///
    /// - `account.opened` 1 → 2: accounts had no overdraft, so its limit is 0;
    /// - `account.opened` 2 → 3: `deposit` is called `initial_deposit`.
    public static let banking: [Upcaster] = [
        Upcaster(.accountOpened, from: 1) { $0["overdraft_limit"] = 0 },
        Upcaster(.accountOpened, from: 2) { $0.rename("deposit", to: "initial_deposit") },
    ]
}
