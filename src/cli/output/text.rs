//! Numbers, sizes, durations and names as a person reads them. Prints nothing.

use clap::builder::styling::AnsiColor;
use clap::builder::styling::Style;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Rules;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::time::Time;
pub(crate) use snap_archive::base::units::human_size as size;
use std::path::Path;
use std::time::Duration;
use terminal_size::Height;
use terminal_size::Width;
use terminal_size::terminal_size_of;

/// `text` in red and bold; printing through `anstream` takes the colour away where it does not belong.
pub(crate) fn red(text: &str) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

/// `text` in yellow and bold.
pub(crate) fn yellow(text: &str) -> String {
    styled(AnsiColor::Yellow.on_default().bold(), text)
}

/// `text` in bold.
pub(crate) fn bold(text: &str) -> String {
    styled(Style::new().bold(), text)
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// `1234567` as `1,234,567`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `1,234 files`.
pub(crate) fn count(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// `0.8 s`, `3 min 20 s`, `1 h 5 min`.
pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", (duration.as_secs_f64() * 10.0).floor() / 10.0),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", number(seconds / 3600), seconds / 60 % 60),
    }
}

/// `30 s`, `3 min 20 s`, `1 h 5 min`.
pub(crate) fn whole_seconds(time: Duration) -> String {
    if time.as_secs() < 60 { format!("{} s", time.as_secs()) } else { duration(time) }
}

/// `1–3, 5` for 1, 2, 3 and 5.
pub(crate) fn ranges(numbers: &[SnapshotNumber]) -> String {
    let mut runs: Vec<(SnapshotNumber, SnapshotNumber)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.next() == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let shown = runs.iter().map(|(first, last)| match last.get() - first.get() {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}–{last}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// `snapshot 3 of 2026-11-22 18:30`.
pub(crate) fn snapshot_named(summary: &Summary) -> String {
    format!("snapshot {} of {}", summary.number, local(summary.time))
}

/// A moment in local time.
pub(crate) fn local(time: Time) -> String {
    snap_archive::base::when::local(time, &snap_archive::base::when::system_zone())
}

/// The day of a moment in local time.
pub(crate) fn day(time: Time) -> String {
    let moment = local(time);
    moment.split(' ').next().map(ToOwned::to_owned).unwrap_or(moment)
}

/// A path of this computer, without anything that a terminal would obey.
pub(crate) fn path(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes()).into_owned()
}

/// How many columns the standard output has; `None` when it is no terminal.
pub(crate) fn columns_of_stdout() -> Option<usize> {
    columns(terminal_size_of(std::io::stdout()))
}

/// How many columns the standard error has; `None` when it is no terminal.
pub(crate) fn columns_of_stderr() -> Option<usize> {
    columns(terminal_size_of(std::io::stderr()))
}

fn columns(size: Option<(Width, Height)>) -> Option<usize> {
    size.map(|(Width(columns), _)| usize::from(columns)).filter(|columns| *columns > 0)
}

/// How many columns a text takes on a terminal, without the sequences that give colours: wide characters take two, those that
/// combine with the one before take none.
pub(crate) fn width(text: &str) -> usize {
    let (mut width, mut in_sequence) = (0, false);
    for c in text.chars() {
        match c {
            '\u{1b}' => in_sequence = true,
            'm' if in_sequence => in_sequence = false,
            _ if in_sequence => {}
            _ => width += unicode_width::UnicodeWidthChar::width(c).unwrap_or(1),
        }
    }
    width
}

/// `text` in lines of at most `columns`: broken at blanks, or where it must be.
pub(crate) fn pieces(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| width(line));
        let has_room = line + usize::from(line > 0) + width(word) <= columns;
        if line > 0 && !has_room {
            lines.push(String::new());
        } else if line > 0 {
            push(&mut lines, ' ', usize::MAX);
        }
        word.chars().for_each(|c| push(&mut lines, c, columns));
    }
    lines
}

fn push(lines: &mut Vec<String>, c: char, columns: usize) {
    let taken = lines.last().map_or(0, |line| width(line));
    if taken > 0 && taken + width(c.encode_utf8(&mut [0; 4])) > columns {
        lines.push(String::new());
    }
    if let Some(line) = lines.last_mut() {
        line.push(c);
    }
}

/// A user or a group: by name where that is known, otherwise by number.
pub(crate) fn user_or_group(name: &str, number: u32) -> String {
    if name.is_empty() { number.to_string() } else { printable(name.as_bytes()).into_owned() }
}

/// Rules as they are typed.
pub(crate) fn rules(rules: &Rules) -> String {
    let patterns = rules.exclude.iter().map(|rule| format!("--exclude '{}'", printable(rule.as_bytes())));
    let caches = rules.exclude_caches.then(|| "--exclude-caches".to_owned());
    let one = rules.one_file_system.then(|| "--one-file-system".to_owned());
    let patch = rules.patch_from.map(|from| match from {
        u64::MAX => "--patch-from never".to_owned(),
        from => format!("--patch-from {from}"),
    });
    patterns.chain(caches).chain(one).chain(patch).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (10_234, "10,234"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), text);
        }
        assert_eq!((count(1, "file", "files"), count(0, "file", "files")), ("1 file".into(), "0 files".into()));
    }

    #[test]
    fn sizes_have_two_or_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (4_200_000, "4.2 MB"),
            (99_949, "99.9 kB"),
            (99_950, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_073_741_824, "1.1 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn durations_grow_into_minutes_and_hours() {
        for (millis, text) in [(40, "0.0 s"), (840, "0.8 s"), (59_999, "59.9 s"), (200_000, "3 min 20 s")] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(duration(Duration::from_mins(65)), "1 h 5 min");
    }

    #[test]
    fn columns_are_counted_as_a_terminal_shows_them() {
        for (text, columns) in [("abc", 3), ("日本", 4), ("e\u{301}", 1), ("\u{1b}[1mab\u{1b}[0m", 2), ("", 0)] {
            assert_eq!(width(text), columns, "{text:?}");
        }
    }

    #[test]
    fn pieces_are_cut_at_words_and_within_long_ones() {
        assert_eq!(pieces("one two three", 8), ["one two", "three"]);
        assert_eq!(pieces("abcdefgh ij", 5), ["abcde", "fgh", "ij"]);
        assert_eq!(pieces("日本日本", 5), ["日本", "日本"]);
        assert_eq!(pieces("", 5), [""]);
    }

    #[test]
    fn runs_of_numbers_are_drawn_together() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8].map(SnapshotNumber::from)), "1–3, 5, 7, 8");
        assert_eq!(ranges(&[]), "");
    }
}
