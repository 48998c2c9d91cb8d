//! Inputs for a target without a fuzzer: those that are kept, and some made of them, the same at every run.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::path::Path;

/// The longest input that is made, in bytes.
const INPUT_BYTES_MAX: usize = 64 << 10;

/// What stands in texts and numbers where something ends, or is more than was thought of.
const ODD: [u8; 12] = [0, 1, 0x7f, 0x80, 0xff, b'/', b'.', b'\\', b'"', b'\n', b'0', b'9'];

/// Numbers by which bytes are chosen (splitmix64). `SNAP_FUZZ_SEED` begins with others.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Gives a target all inputs that are kept for it, and as many more as it says. An input that fails is left in `artifacts/`.
pub fn try_target(name: &str, tries: usize, check: fn(&[u8])) {
    let kept = kept(name);
    for input in &kept {
        try_input(name, input, check);
    }
    let mut random = Random(std::env::var("SNAP_FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap()));
    for _ in 0..tries {
        let input = made(&kept, &mut random);
        try_input(name, &input, check);
    }
}

fn kept(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()).collect();
    assert!(!paths.is_empty(), "no input is kept for {name}");
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn try_input(name: &str, input: &[u8], check: fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("failed-without-fuzzer"), input).unwrap();
        eprintln!("{name} failed: the input is in {}", folder.join("failed-without-fuzzer").display());
        resume_unwind(panic);
    }
}

/// One of the kept inputs with some changes, or bytes by chance.
fn made(kept: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    if random.below(8) == 0 {
        let length = random.below(512);
        return random.bytes(length);
    }
    let mut input = kept[random.below(kept.len())].clone();
    for _ in 0..=random.below(6) {
        let other = &kept[random.below(kept.len())];
        change(&mut input, other, random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(input.len());
    let end = at + random.below(input.len() - at).min(random.below(64));
    match random.below(8) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..end)),
        2 => drop(input.splice(at..at, input[at..end].to_vec())),
        3 => {
            let from = random.below(other.len());
            input.splice(at..end, other[from..].iter().copied().take(random.below(256)));
        }
        4 => {
            let length = random.below(32);
            input.splice(at..at, random.bytes(length));
        }
        5 => input.insert(at, ODD[random.below(ODD.len())]),
        _ => overwrite(input, at, random),
    }
}

/// A byte becomes another, by one bit, by a step, or by chance.
fn overwrite(input: &mut [u8], at: usize, random: &mut Random) {
    let Some(byte) = input.get_mut(at) else { return };
    *byte = match random.below(4) {
        0 => *byte ^ (1 << random.below(8)),
        1 => byte.wrapping_add(random.below(5) as u8).wrapping_sub(2),
        2 => ODD[random.below(ODD.len())],
        _ => random.next() as u8,
    };
}
