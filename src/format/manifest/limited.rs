//! Lists of a line that have a limit before they are in memory. Knows nothing of lines.

use serde::Deserialize;
use serde::Deserializer;
use serde::de;
use std::fmt;
use std::marker::PhantomData;

/// A list that ends the reading when it has more than `MAX` items, before they are all in memory.
pub(super) fn at_most<'de, const MAX: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<T>, D::Error> {
    struct Visitor<T, const MAX: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const MAX: usize> de::Visitor<'de> for Visitor<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            write!(f, "a list of at most {MAX}")
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MAX {
                    return Err(de::Error::invalid_length(MAX + 1, &self));
                }
                list.push(item);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_seq(Visitor::<T, MAX>(PhantomData))
}
