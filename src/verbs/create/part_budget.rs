//! How large a part of a snapshot becomes, and where it ends.

/// How many times larger than asked for a part may become to keep together what belongs together.
const OVERRUN_MAX: u64 = 3;

/// Where the next entry goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// Into the present part.
    Here,
    /// Into the next part, after a cut.
    AfterCut,
}

/// The size of the present part. Files that are still being compared may be added or not.
pub struct PartBudget {
    /// What a part should not exceed, in bytes; a single larger file makes a larger part.
    bytes_max: u64,
    /// What no part may exceed, as the drive holds no larger file.
    bytes_limit: u64,
    used: u64,
    undecided: u64,
    /// Which part it is, from 0.
    part: u64,
    /// Whether a header said that names are gone, and their lines are still to come.
    pub owes_lines: bool,
}

impl PartBudget {
    /// An empty part.
    pub fn new(bytes_max: u64, bytes_limit: u64) -> PartBudget {
        PartBudget { bytes_max, bytes_limit, used: 0, undecided: 0, part: 0, owes_lines: false }
    }

    /// How many bytes are used, about, without what is undecided.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Which part it is, from 0.
    pub fn part(&self) -> u64 {
        self.part
    }

    /// Counts `bytes` more.
    pub fn add(&mut self, bytes: u64) {
        self.used += bytes;
    }

    /// Notes that `bytes` more may come; returns the part to which they count.
    pub fn add_undecided(&mut self, bytes: u64) -> u64 {
        self.undecided += bytes;
        self.part
    }

    /// Of `undecided` bytes of a part, `bytes` came.
    pub fn decide(&mut self, part: u64, undecided: u64, bytes: u64) {
        if part == self.part {
            self.undecided -= undecided;
            self.used += bytes;
        }
    }

    /// Begins the next part.
    pub fn cut(&mut self) {
        (self.used, self.undecided, self.part) = (0, 0, self.part + 1);
    }

    /// What `rule` says of the bytes used so far; `None` when that depends on what is undecided. Once true with more bytes, a
    /// rule must not become false again, or the other way round.
    pub fn ask<D: PartialEq>(&self, rule: impl Fn(&PartBudget, u64) -> D) -> Option<D> {
        let (least, most) = (rule(self, self.used), rule(self, self.used + self.undecided));
        (least == most).then_some(least)
    }

    /// Whether a file of this size does not fit on the drive.
    pub fn is_beyond_drive(&self, bytes: u64) -> bool {
        bytes > self.bytes_limit
    }

    /// Rule: whether the part is larger than it should be.
    pub fn is_full(&self, used: u64) -> bool {
        used > self.bytes_max
    }

    /// Rule: where an entry of `bytes` bytes goes. What fits no part gets one that is larger; cutting off next to nothing
    /// before it is of no use.
    pub fn fits(&self, used: u64, bytes: u64) -> Fit {
        let with_it = used.saturating_add(bytes);
        let is_worth_it = bytes <= self.bytes_max || self.is_considerable(used);
        let is_over = with_it > self.bytes_max && (is_worth_it || with_it > self.bytes_limit);
        if is_over && used > 0 { Fit::AfterCut } else { Fit::Here }
    }

    /// Rule: where a directory goes whose lines have to stay together and are followed by about `bytes` bytes.
    pub fn fits_together(&self, used: u64, bytes: u64) -> Fit {
        let is_over = used.saturating_add(bytes) > self.bytes_max;
        if is_over && self.is_considerable(used) { Fit::AfterCut } else { Fit::Here }
    }

    /// Rule: whether the part may end here, before `coming` bytes. A header that deletes and the lines that say so
    /// belong together, in case the run is cut off between two parts.
    pub fn may_end(&self, used: u64, coming: u64) -> bool {
        let has_space = used.saturating_add(coming) <= self.bytes_limit;
        !(self.owes_lines && has_space && used < self.bytes_max.saturating_mul(OVERRUN_MAX))
    }

    fn is_considerable(&self, used: u64) -> bool {
        used > self.bytes_max / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(used: u64, bytes: u64) -> Fit {
        PartBudget::new(800, 4000).fits(used, bytes)
    }

    #[test]
    fn an_entry_goes_into_the_next_part_when_this_one_would_be_too_large() {
        assert_eq!([fits(0, 100), fits(700, 100), fits(701, 100)], [Fit::Here, Fit::Here, Fit::AfterCut]);
    }

    #[test]
    fn an_entry_larger_than_a_part_is_not_parted_from_next_to_nothing() {
        assert_eq!([fits(0, 900), fits(100, 900), fits(101, 900)], [Fit::Here, Fit::Here, Fit::AfterCut]);
        assert_eq!(fits(100, 3950), Fit::AfterCut, "unless the drive holds no such file");
    }

    #[test]
    fn a_part_does_not_end_between_a_deletion_and_its_lines_unless_it_must() {
        let mut budget = PartBudget::new(800, 4000);
        assert!(budget.may_end(900, 10));
        budget.owes_lines = true;
        assert!(!budget.may_end(900, 10));
        assert!(budget.may_end(2400, 10), "it is three times as large as it should be");
        assert!(budget.may_end(900, 3200), "the drive holds no larger one");
    }

    #[test]
    fn what_is_undecided_is_asked_for_only_where_it_matters() {
        let mut budget = PartBudget::new(800, 4000);
        budget.add(100);
        let part = budget.add_undecided(500);
        assert_eq!(budget.ask(|budget, used| budget.fits(used, 100)), Some(Fit::Here));
        assert_eq!(budget.ask(|budget, used| budget.fits(used, 300)), None);
        budget.decide(part, 500, 500);
        assert_eq!(budget.ask(|budget, used| budget.fits(used, 300)), Some(Fit::AfterCut));
        let part = budget.add_undecided(500);
        budget.cut();
        budget.decide(part, 500, 500);
        assert_eq!(budget.ask(|_, used| used), Some(0), "it counted for the part before");
    }
}
