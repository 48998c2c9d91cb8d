//! Any bytes as a tar: its members are walked to the end, pax records among them, with all that the headers say.

use snap_archive::base::path::EntryPathBuf;
use snap_archive::format::tar::Body;
use snap_archive::format::tar::TarEntry;
use snap_archive::format::tar;

pub fn check(bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        let before = rest.len() as u64;
        let told = tar::read_entry(&mut { rest });
        let Ok(Some(member)) = tar::read_header(&mut rest) else {
            assert!(!matches!(told, Ok(Some(_))));
            return;
        };
        if let Ok(Some(told)) = told {
            assert_eq!(told.member, member);
            if let Some(names) = told.listing.as_deref().and_then(tar::listed) {
                names.fold(Vec::new(), |last, (_, name)| {
                    assert!(last.as_slice() < name);
                    name.to_vec()
                });
            }
            written_again(&told);
        }
        assert_eq!(before - rest.len() as u64, member.header_bytes);
        let content = usize::try_from(member.size).ok().and_then(|size| size.checked_add(tar::padding(member.size)));
        let Some(after) = content.and_then(|content| rest.get(content..)) else { return };
        rest = after;
    }
}

/// What was understood, written again, is understood as the same.
fn written_again(told: &TarEntry) {
    let is_directory = told.member.flag == b'5';
    let path = told.member.path.strip_suffix(b"/").filter(|_| is_directory).unwrap_or(&told.member.path);
    if told.member.flag == b'1' || EntryPathBuf::from_bytes(path).is_none_or(|path| path.is_root()) {
        return;
    }
    let body = told.listing.as_ref().filter(|_| is_directory).map_or(Body::Itself, |listing| Body::Listing(listing));
    let mut once = Vec::new();
    tar::append_header(&mut once, path, &told.entry, body);
    let again = tar::read_entry(&mut once.as_slice()).unwrap().unwrap();
    let mut twice = Vec::new();
    tar::append_header(&mut twice, path, &again.entry, body);
    assert_eq!(once, twice);
}
