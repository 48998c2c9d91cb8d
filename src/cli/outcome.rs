//! How a command ended that did not fail.

/// How a command ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// All is well: exit code 0.
    Done,
    /// Done, with problems that were listed: exit code 3.
    DoneWithProblems,
}

impl Outcome {
    pub(crate) fn with_problems(count: u64) -> Outcome {
        if count == 0 { Outcome::Done } else { Outcome::DoneWithProblems }
    }
}
