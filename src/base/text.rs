//! Bytes in JSON: as text where they are text, else in a form from which they can be had back.

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;
use std::borrow::Cow;
use std::fmt;
use std::fmt::Write;

/// Writes a field of bytes as [`Text`].
///
/// # Errors
/// Those of the writer.
pub fn serialize<S: Serializer>(bytes: impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    Text(Cow::Borrowed(bytes.as_ref())).serialize(serializer)
}

/// Reads a field of bytes.
///
/// # Errors
/// When it is no [`Text`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Ok(Text::deserialize(deserializer)?.0.into_owned())
}

/// Bytes as text: a JSON string when they are UTF-8, else `{"escaped":"…"}` with `%XX` for every byte that is not part of
/// UTF-8 and for `%` itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Text<'a>(pub Cow<'a, [u8]>);

impl Text<'_> {
    fn escaped(bytes: &[u8]) -> String {
        let mut text = String::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(&chunk.valid().replace('%', "%25"));
            for byte in chunk.invalid() {
                // Writing into a string does not fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    }

    fn unescaped(text: &str) -> Option<Vec<u8>> {
        let mut parts = text.split('%');
        let mut bytes = parts.next()?.as_bytes().to_vec();
        for part in parts {
            let (digits, rest) = part.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?);
            bytes.extend_from_slice(rest.as_bytes());
        }
        Some(bytes)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_map([("escaped", Text::escaped(&self.0))]),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string or {\"escaped\": string}")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text.as_bytes())))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.as_bytes().to_vec())))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                let (key, text): (Cow<str>, Cow<str>) =
                    map.next_entry()?.ok_or_else(|| de::Error::custom("an empty object"))?;
                let bytes = Text::unescaped(&text).filter(|_| key == "escaped");
                bytes.map(|bytes| Text(Cow::Owned(bytes))).ok_or_else(|| de::Error::custom("not an escaped text"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        for bytes in [&b"/home/ann"[..], b"/caf\xe9/100%", b"/100%", b""] {
            let shown = Text::escaped(bytes);
            assert_eq!(Text::unescaped(&shown).as_deref(), Some(bytes), "{shown}");
        }
    }
}
