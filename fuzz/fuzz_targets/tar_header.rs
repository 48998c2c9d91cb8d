//! Any bytes as a tar: its members are walked to the end, pax records among them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snap::tar;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    loop {
        let before = rest.len() as u64;
        let Ok(Some(member)) = tar::read_header(&mut rest) else { return };
        assert_eq!(before - rest.len() as u64, member.header_bytes);
        let content = usize::try_from(member.size).ok().and_then(|size| size.checked_add(tar::padding(member.size)));
        let Some(after) = content.and_then(|content| rest.get(content..)) else { return };
        rest = after;
    }
});
