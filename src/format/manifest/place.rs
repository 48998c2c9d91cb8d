//! Where the content of a line is, as text, so that a line can be changed there and nowhere else.

use crate::base::entry::Place;

/// How a line says where its content is: at this offset, or nowhere any more.
pub(super) fn place_field(offset: u64) -> Vec<u8> {
    if (Place { offset, ..Place::default() }).is_pruned() {
        return b"\"pruned\":true".to_vec();
    }
    format!("\"offset\":{offset}").into_bytes()
}

/// The line of a file with its content at another offset, or pruned, and all else as it was; `None` when it has no `offset`
/// of its own. `line` is an object as [`Change::from_line`](super::Change::from_line) takes it.
pub fn moved_to(line: &[u8], offset: u64) -> Option<Vec<u8>> {
    const KEY: &[u8] = b"\"offset\"";
    let (mut depth, mut at, mut found) = (0_u32, 0, None);
    while at < line.len() {
        match line[at] {
            b'"' => {
                let end = at + 1 + end_of_string(&line[at + 1..])?;
                let is_key = line[end..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                if depth == 1 && is_key && line[at..end] == *KEY {
                    found = Some(at);
                }
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if found.is_some() && ((depth == 1 && line[at] == b',') || depth == 0) {
            break;
        }
        at += 1;
    }
    let start = found?;
    Some([&line[..start], &place_field(offset), line.get(at..)?].concat())
}

/// Where the text of a JSON string ends, behind its closing quote.
fn end_of_string(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_moves_and_all_else_of_its_line_stays() {
        let line = br#"{"path":"s/\"offset\":1,","size":4,"offset":512}"#;
        let expected = br#"{"path":"s/\"offset\":1,","size":4,"offset":1099511627776}"#;
        assert_eq!(moved_to(line, 1 << 40).as_deref(), Some(&expected[..]));
        let pruned = br#"{"path":"s/\"offset\":1,","size":4,"pruned":true}"#;
        assert_eq!(moved_to(line, Place::pruned(Place::default().bundle).offset).as_deref(), Some(&pruned[..]));
        assert_eq!(moved_to(pruned, 512), None);
        let strange = br#"{ "x":{"offset":[1,{"offset":2}]}, "offset" : 512 , "y":"\\\"offset\":3"}"#;
        let expected = br#"{ "x":{"offset":[1,{"offset":2}]}, "offset":7, "y":"\\\"offset\":3"}"#;
        assert_eq!(moved_to(strange, 7).as_deref(), Some(&expected[..]));
        for none in [&b"{}"[..], b"", b"{\"offset", br#"{"y":"offset","in":"offset"}"#] {
            assert_eq!(moved_to(none, 7), None);
        }
    }
}
