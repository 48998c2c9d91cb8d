//! The known word that a mistyped one is nearest to.

/// The word of `known` that differs least from `typed`; `None` if all differ by more than a third of its letters.
pub(super) fn nearest<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let distances = known.into_iter().map(|word| (distance(typed, word), word));
    let (least, word) = distances.min_by_key(|(distance, _)| *distance)?;
    (least <= word.chars().count().div_ceil(3)).then_some(word)
}

/// How many letters must be added, taken away or changed (Levenshtein); upper and lower case are the same, and so are `_` and `-`.
fn distance(a: &str, b: &str) -> usize {
    let letters = |word: &str| word.to_lowercase().replace('_', "-").chars().collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_meant_is_found_and_no_other() {
        let known = ["sources", "exclude", "exclude-caches", "id"];
        for (typed, meant) in [
            ("sourcs", Some("sources")),
            ("source", Some("sources")),
            ("Exclude_Caches", Some("exclude-caches")),
            ("excludes", Some("exclude")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
