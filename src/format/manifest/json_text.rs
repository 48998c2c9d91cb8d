//! Lines of JSON, and the values in them that are text.

use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::time::Time;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;
use std::borrow::Cow;

pub(super) fn line_of(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::with_capacity(320);
    // Serialising plain structs into memory does not fail.
    let written = serde_json::to_writer(&mut line, value);
    debug_assert!(written.is_ok());
    line.push(b'\n');
    line
}

pub(super) fn parsed<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T> {
    serde_json::from_slice(line)
        .map_err(|error| Error::damaged(format!("a line of a manifest cannot be read ({error})")))
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A mode as `"0644"`.
#[derive(Clone, Copy)]
pub(super) struct Octal(pub u32);

/// A time as decimal seconds, `"1700000000.25"`.
#[derive(Clone, Copy)]
pub(super) struct Seconds(pub Time);

/// A hash as 64 hexadecimal digits.
#[derive(Clone, Copy)]
pub(super) struct Hex(pub Hash);

impl Serialize for Octal {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", self.0))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Octal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        from_text(deserializer, |text| {
            let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
            u32::from_str_radix(text, 8).ok().filter(|_| digits).map(Octal)
        })
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        from_text(deserializer, |text| Time::parse(text).map(Seconds))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        from_text(deserializer, |text| Hash::from_hex(text).map(Hex))
    }
}

fn from_text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl Fn(&str) -> Option<T>,
) -> std::result::Result<T, D::Error> {
    #[derive(Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    let text = Borrowed::deserialize(deserializer)?;
    parse(&text.0).ok_or_else(|| de::Error::custom(format!("'{}' is not understood", text.0.escape_debug())))
}
