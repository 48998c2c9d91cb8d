//! How a command ended that did not fail.

use super::failure::TO_ACT;
use super::failure::WITH_PROBLEMS;

/// How a command ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// All is well: exit code 0.
    Done,
    /// Done, with problems that were listed: exit code 3.
    DoneWithProblems,
    /// Done, and what was found must be acted on: exit code 6.
    ToAct,
}

impl Outcome {
    /// With so many problems, which were listed.
    pub(crate) fn with_problems(count: u64) -> Outcome {
        if count == 0 { Outcome::Done } else { Outcome::DoneWithProblems }
    }

    /// As it is, or with a problem.
    pub(crate) fn with_problem(self) -> Outcome {
        if self == Outcome::Done { Outcome::DoneWithProblems } else { self }
    }

    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::DoneWithProblems => WITH_PROBLEMS,
            Outcome::ToAct => TO_ACT,
        }
    }
}
