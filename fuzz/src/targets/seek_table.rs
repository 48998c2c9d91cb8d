//! Any bytes as a seek table, and as a file that ends with one: what is read is written as the same bytes.

use crate::blob;
use snap_archive::format::frames::SeekTable;

/// Larger files than this are not made up around a table.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub fn check(bytes: &[u8]) {
    if let Ok((table, _)) = SeekTable::read(&*blob(bytes)) {
        let written = table.to_bytes();
        assert!(bytes.ends_with(&written));
        assert_eq!(table.stored_bytes() + written.len() as u64, bytes.len() as u64);
    }
    let Ok(table) = SeekTable::parse(bytes) else { return };
    assert_eq!(table.to_bytes(), bytes);
    let (mut stored_end, mut raw_end) = (0, 0);
    for number in 0..table.len() {
        let frame = table.frame(number).unwrap();
        assert_eq!((frame.number, frame.stored_offset, frame.raw_offset), (number, stored_end, raw_end));
        stored_end += u64::from(frame.stored_bytes);
        raw_end = frame.raw_end();
        assert_eq!(table.frame_at(frame.raw_offset), Some(frame));
        assert_eq!(table.frame_at(raw_end - 1), Some(frame));
    }
    assert_eq!((table.stored_bytes(), table.raw_bytes()), (stored_end, raw_end));
    assert!(table.frame(table.len()).is_none() && table.frame_at(raw_end).is_none());
    if stored_end <= FILE_BYTES_MAX {
        let file = [vec![0; stored_end as usize], bytes.to_vec()].concat();
        assert_eq!(SeekTable::read(&*blob(&file)).unwrap().0, table);
    }
}
