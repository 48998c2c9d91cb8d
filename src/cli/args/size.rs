//! Sizes as a person types them.

use std::ops::RangeInclusive;

/// Reads `1GiB`, `512M`, `1000000`: bytes, or K M G T (and KiB …) in steps of 1024, or KB MB GB TB in steps of 1000.
///
/// # Errors
/// A sentence that says what is expected, when it is no such size or does not fit 64 bits.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_bytes = unit_bytes(unit.trim_start()).ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(unit_bytes).ok_or_else(|| "number too large".to_owned())
}

/// Reads `+10M` (at least), `-10M` (at most) or `10M` (just so many bytes).
///
/// # Errors
/// As `parse`.
pub(crate) fn parse_range(text: &str) -> Result<RangeInclusive<u64>, String> {
    match text.split_at_checked(1) {
        Some(("+", size)) => Ok(parse(size)?..=u64::MAX),
        Some(("-", size)) => Ok(0..=parse(size)?),
        _ => parse(text).map(|size| size..=size),
    }
}

/// Reads the size of a part: as `parse`, at least 64 KiB.
///
/// # Errors
/// As `parse`, and when it is too small.
pub(crate) fn parse_part(text: &str) -> Result<u64, String> {
    const PART_BYTES_MIN: u64 = 64 << 10;
    match parse(text)? {
        bytes if bytes < PART_BYTES_MIN => Err("a part has at least 64KiB".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Reads the size from which on patches are made: as `parse`, or `never`.
///
/// # Errors
/// As `parse`.
pub(crate) fn parse_patch_from(text: &str) -> Result<u64, String> {
    if text == "never" { Ok(u64::MAX) } else { parse(text).map_err(|_| format!("{}, or never", expected())) }
}

fn expected() -> String {
    "expected a size such as 512M, 1GiB or 4GB".to_owned()
}

fn unit_bytes(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    if matches!(unit.as_str(), "" | "b") {
        return Some(1);
    }
    let power = "kmgt".find(unit.chars().next()?)? as u32 + 1;
    match &unit[1..] {
        "" | "ib" => Some(1024_u64.pow(power)),
        "b" => Some(1000_u64.pow(power)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_binary_units_step_by_1024_and_decimal_ones_by_1000() {
        for (text, bytes) in [
            ("0", 0),
            ("1000000", 1_000_000),
            ("7b", 7),
            ("1K", 1024),
            ("1kib", 1024),
            ("1KB", 1000),
            ("512M", 512 << 20),
            ("4 GB", 4_000_000_000),
            ("1GiB", 1 << 30),
            ("2t", 2 << 40),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_sign_means_at_least_and_at_most() {
        assert_eq!(parse_range("+1K"), Ok(1024..=u64::MAX));
        assert_eq!(parse_range("-1K"), Ok(0..=1024));
        assert_eq!(parse_range("1K"), Ok(1024..=1024));
        assert!(["", "+", "-", "++1", "é"].iter().all(|text| parse_range(text).is_err()));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "K", "-1", "1.5G", "1X", "1Ki", "1KBB", "1é", "99999999999999999999", "99999999T"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse_part("65535").is_err() && parse_part("64K") == Ok(65_536));
    }
}
