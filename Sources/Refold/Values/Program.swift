/// The running program, as remedies name it.
package enum Program {
    /// What its commands begin with: `run orders migrate`, where a program of another team is called `orders`.
    @TaskLocal package static var name = "refold"
}
