//! Which snapshots are read back after a run, so that all are within a given time. A pure function.

use super::notes::Rolling;
use snap_archive::base::id::SnapshotNumber;
use std::collections::BTreeSet;

/// A day: what is due the first time.
const FIRST_SECONDS: i64 = 24 * 3600;

/// What is read back now, and what is owed after it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) snapshots: BTreeSet<SnapshotNumber>,
    pub(crate) owed: u64,
}

/// Chooses from `sizes` (each snapshot with its bytes on the drive): the share of them all that is due since the last
/// time, those first that were read longest ago. What is left, as a snapshot is read as a whole or not, is added to the
/// next share.
pub(crate) fn share(sizes: &[(SnapshotNumber, u64)], rolling: &Rolling, now: i64, cycle: i64) -> Share {
    let total = sizes.iter().fold(0_u128, |sum, (_, bytes)| sum + u128::from(*bytes));
    let elapsed = rolling.time.map_or(FIRST_SECONDS, |time| now.saturating_sub(time)).clamp(0, cycle);
    let due = (total * elapsed as u128).div_ceil(cycle.max(1) as u128);
    let mut owed = u64::try_from(due).unwrap_or(u64::MAX).saturating_add(rolling.owed).min(total as u64);
    let mut oldest_first: Vec<_> = sizes.to_vec();
    oldest_first.sort_by_key(|(number, _)| (rolling.sound.get(number).copied(), *number));
    let mut snapshots = BTreeSet::new();
    for (number, bytes) in oldest_first {
        // One that is larger than what is due waits until enough is.
        if owed == 0 || bytes > owed {
            break;
        }
        snapshots.insert(number);
        owed -= bytes;
    }
    Share { snapshots, owed }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;
    const MONTH: i64 = 30 * DAY;

    /// Runs once in `every` days, and gives how long each snapshot was not read at most.
    fn longest_unread(sizes: &[(SnapshotNumber, u64)], every: i64, days: i64) -> i64 {
        let (mut rolling, mut longest) = (Rolling::default(), 0);
        for day in (0..days).step_by(every as usize) {
            let now = day * DAY;
            let share = share(sizes, &rolling, now, MONTH);
            for number in share.snapshots {
                longest = longest.max(now - rolling.sound.insert(number, now).unwrap_or(0));
            }
            (rolling.time, rolling.owed) = (Some(now), share.owed);
        }
        assert_eq!(rolling.sound.len(), sizes.len(), "all were read");
        longest / DAY
    }

    #[test]
    fn everything_is_read_within_the_time_and_hardly_more_often() {
        let even: Vec<_> = (1..=60).map(|number: u32| (number.into(), 100)).collect();
        let uneven: Vec<_> =
            (1..=60).map(|number: u32| (number.into(), if number == 1 { 60_000 } else { 10 })).collect();
        for sizes in [&even[..], &uneven, &[(1.into(), 1 << 30)]] {
            for every in [1, 3, 7, 29] {
                let days = longest_unread(sizes, every, 400);
                assert!((25..=30 + 2 * every).contains(&days), "{} snapshots, every {every} days: {days}", sizes.len());
            }
        }
    }

    #[test]
    fn a_few_bytes_are_read_in_time_too() {
        assert!([1, 3, 7].iter().all(|every| longest_unread(&[(1.into(), 5)], *every, 400) <= 30));
    }

    #[test]
    fn runs_in_quick_succession_read_nothing_more() {
        let sizes: Vec<_> = (1..=60).map(|number: u32| (number.into(), 100)).collect();
        let rolling = Rolling { time: Some(MONTH), ..Rolling::default() };
        assert_eq!(share(&sizes, &rolling, MONTH + 60, MONTH).snapshots, BTreeSet::new());
        assert_eq!(share(&sizes, &rolling, MONTH - 60, MONTH).snapshots, BTreeSet::new(), "a clock that went back");
        let after_long = share(&sizes, &rolling, 10 * MONTH, MONTH);
        assert_eq!((after_long.snapshots.len(), after_long.owed), (60, 0));
        assert_eq!(share(&[], &rolling, 10 * MONTH, MONTH), Share { snapshots: BTreeSet::new(), owed: 0 });
    }
}
