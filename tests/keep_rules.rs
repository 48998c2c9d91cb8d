//! Which snapshots rules keep, beside what `restic forget --dry-run --json` says of the same times.

use crate::support::bench::Bench;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::skipped;
use std::collections::BTreeSet;
use std::process::Command;

/// Local times without order in their distances: two on a day, a leap day, the ends of summer time, of years and of weeks.
const TIMES: [&str; 18] = [
    "2022-12-31 23:30:00",
    "2023-01-01 00:30:00",
    "2023-06-05 12:00:00",
    "2024-02-28 12:00:00",
    "2024-02-29 12:00:00",
    "2024-03-01 12:00:00",
    "2024-10-27 01:30:00",
    "2024-10-27 03:30:00",
    "2024-12-29 12:00:00",
    "2024-12-30 00:10:00",
    "2025-03-30 01:30:00",
    "2025-03-30 03:10:00",
    "2025-05-31 08:00:00",
    "2025-05-31 08:59:59",
    "2025-05-31 09:00:00",
    "2025-06-29 23:59:59",
    "2025-06-30 00:00:00",
    "2025-06-30 20:00:00",
];

const RULES: [&str; 9] = [
    "--keep-last 3",
    "--keep-hourly 4",
    "--keep-daily 5",
    "--keep-weekly 5",
    "--keep-monthly 4",
    "--keep-yearly 2",
    "--keep-daily 2 --keep-weekly 3 --keep-monthly 5 --keep-yearly 9",
    "--keep-within 30d",
    "--keep-within 1m --keep-last 1",
];

fn in_berlin(name: &str) -> Command {
    let mut command = program(name);
    command.env("TZ", "Europe/Berlin").env("RESTIC_PASSWORD", "x");
    command
}

/// A local time of Berlin in UTC.
fn in_utc(time: &str) -> String {
    let seconds = run(in_berlin("date").args(["-d", time, "+%s"])).expect_ok().out();
    let at = format!("@{}", seconds.trim());
    run(in_berlin("date").args(["-u", "-d", &at, "+%Y-%m-%dT%H:%M:%SZ"])).expect_ok().out().trim().to_owned()
}

/// The numbers of the snapshots that restic keeps, from 1.
fn kept_by_restic(repository: &std::path::Path, rules: &str) -> BTreeSet<usize> {
    let mut restic = in_berlin("restic");
    // A month is `m` there, and `mo` here.
    restic.args(["-q", "--no-cache", "-r"]).arg(repository).args(["forget", "--dry-run", "--json"]);
    let group = run(restic.args(rules.split(' '))).expect_ok().json().remove(0);
    let kept = group["keep"].as_array().unwrap();
    let time = |one: &serde_json::Value| one["time"].as_str().unwrap()[..19].replace('T', " ");
    kept.iter().map(|one| TIMES.iter().position(|known| *known == time(one)).unwrap() + 1).collect()
}

#[test]
fn rules_keep_what_those_of_restic_keep() {
    if !installed("restic") {
        return;
    }
    if run(in_berlin("date").args(["-d", "2025-07-01 12:00", "+%Z"])).out() != "CEST\n" {
        return skipped("there are no time zones here");
    }
    let bench = Bench::new();
    let repository = bench.path("restic");
    let call = |words: &[&str]| {
        run(in_berlin("restic").args(["-q", "--no-cache", "-r"]).arg(&repository).args(words)).expect_ok();
    };
    call(&["init"]);
    for (number, time) in TIMES.iter().enumerate() {
        bench.home.file("file", number.to_string());
        call(&["backup", "--time", time, bench.home.root().to_str().unwrap()]);
        let create = bench.snap.call("create").words("--time").arg(in_utc(time));
        create.arg(bench.home.root()).ok();
    }
    for rules in RULES {
        let ours = rules.replace("1m ", "1mo ");
        let call = bench.snap.call("forget").variable("TZ", "Europe/Berlin").words("--dry-run --json").words(&ours);
        let document = call.ok().json().remove(0);
        let is_kept = |one: &&serde_json::Value| !one["reasons"].as_array().unwrap().is_empty();
        let number = |one: &serde_json::Value| one["number"].as_u64().unwrap() as usize;
        let mut kept: BTreeSet<usize> =
            document["snapshots"].as_array().unwrap().iter().filter(is_kept).map(number).collect();
        let restic = kept_by_restic(&repository, rules);
        // As long as a rule has room the oldest stays; restic does so from 0.15 on.
        if !restic.contains(&1) {
            kept.remove(&1);
        }
        assert_eq!(kept, restic, "{rules}");
    }
}
