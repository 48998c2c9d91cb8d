//! What is kept of a file's owner and access rights, as text (SDDL). Pure.

/// A descriptor's parts as its text has them.
struct Parts<'t> {
    owner: &'t str,
    group: &'t str,
    flags: &'t str,
    entries: Vec<&'t str>,
}

/// What is kept of a descriptor: owner, group, and the rights that do not come from the folder around. `None` when all do, or the
/// text is not understood: then the file has what its folder gives it, wherever it is restored.
pub fn kept(text: &str) -> Option<String> {
    let mut parts = parts(text)?;
    parts.entries.retain(|entry| !is_inherited(entry));
    let has_no_list = parts.flags.contains("NO_ACCESS_CONTROL");
    let flags = match (is_protected(parts.flags), has_no_list) {
        (_, true) => "NO_ACCESS_CONTROL",
        (true, false) => "P",
        (false, false) if parts.entries.is_empty() => return None,
        (false, false) => "",
    };
    Some(format!("{}{}D:{flags}{}", parts.owner, parts.group, parts.entries.concat()))
}

/// Whether a descriptor takes no rights from the folder around.
pub fn takes_none_from_around(text: &str) -> bool {
    parts(text).is_some_and(|parts| is_protected(parts.flags))
}

fn is_protected(flags: &str) -> bool {
    // The others are AI and AR.
    flags.contains('P')
}

/// `O:…G:…D:flags(entry)(entry)…`, and what else may follow.
fn parts(text: &str) -> Option<Parts<'_>> {
    let dacl = text.find("D:").filter(|at| !text[..*at].contains('('))?;
    let (who, rights) = text.split_at(dacl);
    let group = who.find("G:").unwrap_or(who.len());
    let (owner, group) = who.split_at(group);
    let rights = &rights[2..];
    let first = rights.find('(').unwrap_or(rights.len());
    // An audit list follows flags or entries without a sign between them.
    let flags = rights[..first].split("S:").next().unwrap_or_default();
    let has_entries = flags.len() == first;
    Some(Parts { owner, group, flags, entries: if has_entries { entries(&rights[first..])? } else { Vec::new() } })
}

/// The entries in brackets that a text begins with; conditions in them may have brackets of their own.
fn entries(text: &str) -> Option<Vec<&str>> {
    let mut entries = Vec::new();
    let (mut depth, mut begin, mut is_quoted) = (0_usize, 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted => {
                if depth == 0 {
                    begin = at;
                }
                depth += 1;
            }
            ')' if !is_quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    entries.push(&text[begin..=at]);
                }
            }
            _ if depth == 0 => return Some(entries),
            _ => {}
        }
    }
    (depth == 0).then_some(entries)
}

/// Whether an entry came from the folder around: its second field is pairs of letters, one of them `ID`.
fn is_inherited(entry: &str) -> bool {
    let flags = entry.split(';').nth(1).unwrap_or_default().as_bytes();
    flags.as_chunks::<2>().0.contains(b"ID")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_that_all_come_from_around_are_not_kept() {
        assert_eq!(kept("O:S-1-5-21-1-2-3-1001G:S-1-5-21-1-2-3-513D:AI(A;ID;FA;;;SY)(A;OICIID;FA;;;BA)"), None);
        assert_eq!(kept("O:BAG:BAD:AI"), None);
        assert_eq!(kept("O:BAG:BA"), None);
        assert_eq!(kept(""), None);
    }

    #[test]
    fn rights_of_its_own_are_kept_with_the_owner_and_without_those_from_around() {
        assert_eq!(
            kept("O:S-1-5-21-1-2-3-1001G:DUD:AI(D;;FA;;;WD)(A;ID;FA;;;SY)").as_deref(),
            Some("O:S-1-5-21-1-2-3-1001G:DUD:(D;;FA;;;WD)")
        );
        assert_eq!(kept("O:BAG:SYD:PAI(A;;FA;;;BA)").as_deref(), Some("O:BAG:SYD:P(A;;FA;;;BA)"));
        assert_eq!(kept("O:BAG:SYD:P").as_deref(), Some("O:BAG:SYD:P"), "nobody may do anything");
        assert_eq!(kept("O:BAG:SYD:NO_ACCESS_CONTROL").as_deref(), Some("O:BAG:SYD:NO_ACCESS_CONTROL"));
        assert_eq!(kept("D:(A;;FR;;;WD)S:AI(AU;SA;FA;;;WD)").as_deref(), Some("D:(A;;FR;;;WD)"));
        assert_eq!(kept("O:BAD:PS:(AU;SA;FA;;;WD)").as_deref(), Some("O:BAD:P"));
    }

    #[test]
    fn conditions_have_brackets_of_their_own() {
        let text = r#"O:BAG:BAD:(XA;;FX;;;WD;(@User.Title=="P)M" && (Member_of{SID(BA)})))(A;ID;FA;;;SY)"#;
        let expected = r#"O:BAG:BAD:(XA;;FX;;;WD;(@User.Title=="P)M" && (Member_of{SID(BA)})))"#;
        assert_eq!(kept(text).as_deref(), Some(expected));
        assert_eq!(kept("O:BAD:(A;;FA;;;SY"), None);
        assert_eq!(kept("O:BAD:)("), None);
    }

    #[test]
    fn what_was_kept_is_kept_as_it_is() {
        for text in ["O:BAG:SYD:P(A;;FA;;;BA)", "O:BAG:SYD:(D;;FA;;;WD)", "O:BAG:SYD:P", "D:NO_ACCESS_CONTROL"] {
            assert_eq!(kept(text).as_deref(), Some(text));
        }
        assert!(takes_none_from_around("O:BAG:SYD:P(A;;FA;;;BA)"));
        assert!(!takes_none_from_around("O:BAG:SYD:(A;;FA;;;BA)") && !takes_none_from_around("D:NO_ACCESS_CONTROL"));
    }
}
