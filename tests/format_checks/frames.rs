//! What is around the tar: frames, and the table at the end of the file.

use super::*;
use crate::support::book::compressed_with;
use zstd::zstd_safe::CParameter;

/// Where the row of a frame begins in the table.
fn row(frame: usize) -> usize {
    8 + 8 * frame
}

fn add(table: &mut [u8], at: usize, more: i32) {
    let number = u32::from_le_bytes(table[at..at + 4].try_into().unwrap());
    table[at..at + 4].copy_from_slice(&number.wrapping_add_signed(more).to_le_bytes());
}

/// Other numbers at these places of a bundle's table.
fn table(rules: &mut Rules, page: usize, changes: &[(usize, i32)]) {
    let changes = changes.to_vec();
    rules.page(page, "Table", move |page| {
        let changes = changes.clone();
        page.table = Some(Box::new(move |table| changes.iter().for_each(|(at, more)| add(table, *at, *more))));
    });
}

/// Other numbers at these places of a bundle's table, counted from its end.
fn table_end(rules: &mut Rules, changes: &'static [(usize, i32)]) {
    rules.page(ONE, "Table", move |page| {
        page.table = Some(Box::new(move |table| {
            let length = table.len();
            for (at, more) in changes {
                add(table, length - at, *more);
            }
        }));
    });
}

/// Other bytes of the file of the first bundle, where its first frames are.
fn file(rules: &mut Rules, finding: &'static str, change: fn(&mut Vec<u8>)) {
    rules.page(ONE, finding, move |page| page.file = Some(Box::new(change)));
}

fn compress(rules: &mut Rules, finding: &'static str, compress: fn(&[u8]) -> Vec<u8>) {
    rules.page(ONE, finding, move |page| page.compress = Some((0, compress)));
}

pub fn rules(rules: &mut Rules) {
    rules.rule(9, Verify);
    table(rules, ONE, &[(0, 1)]);
    table(rules, ONE, &[(4, 8)]);
    table(rules, ONE, &[(row(0), 1)]);
    for changes in [&[(9, 1)][..], &[(5, 1)], &[(4, 1)]] {
        table_end(rules, changes);
    }
    file(rules, "Table", |file| file.truncate(file.len() - 20));
    file(rules, "Table", |file| file.push(0));
    rules.rule(10, Verify);
    // More than there can be, and none at all; the lengths in the file still add up.
    table(rules, ONE, &[(row(0) + 4, 33 << 20)]);
    rules.page(ONE, "Table", |page| {
        page.table = Some(Box::new(|table| table[row(0) + 4..row(1)].fill(0)));
    });
    rules.page(ONE, "Table", |page| {
        page.table = Some(Box::new(|table| {
            let stored = u32::from_le_bytes(table[row(0)..row(0) + 4].try_into().unwrap());
            table[row(0)..row(0) + 4].fill(0);
            add(table, row(1), stored as i32);
        }));
    });
    rules.rule(11, Verify);
    table(rules, ONE, &[(row(0) + 4, 512)]);
    table(rules, ONE, &[(row(1) + 4, -512)]);
    rules.rule(12, VerifyData);
    table(rules, ONE, &[(row(0), 1), (row(1), -1)]);
    rules.rule(13, Reading);
    // A byte of the first frame's blocks; all of it; the end of the file from there on.
    file(rules, "Frames", |file| file[40..2000].iter_mut().for_each(|byte| *byte ^= 0xff));
    // Lengths that add up and are not those of the frames.
    table(rules, ONE, &[(row(0) + 4, 512), (row(1) + 4, -512)]);
    table(rules, ONE, &[(row(1), -7), (row(2), 7)]);
    file(rules, "CutOff(", |file| file.truncate(file.len() / 4 * 3));
    rules.rule(14, VerifyData);
    compress(rules, "Frames", |raw| {
        let mut frame = compressed_with(raw, &[]);
        *frame.last_mut().unwrap() ^= 1;
        frame
    });
    rules.rule(15, VerifyData);
    compress(rules, "Tar(", |raw| compressed_with(raw, &[CParameter::ChecksumFlag(false)]));
    compress(rules, "Tar(", |raw| {
        // With a window of its own, 2^28 bytes, and the length of its content in 4 bytes.
        let frame = compressed_with(raw, &[]);
        let (descriptor, blocks) = (frame[4], &frame[5 + 2_usize.pow(u32::from(frame[4] >> 6)).max(1)..]);
        assert!(descriptor & 0x20 != 0);
        let length = (raw.len() as u32).to_le_bytes();
        [&frame[..4], &[0x84, (28 - 10) << 3], &length[..], blocks].concat()
    });
}
