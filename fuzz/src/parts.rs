//! Several byte strings in one input, so that the fuzzer can change each as it is, uncompressed. Knows nothing of their
//! meaning.

/// The most parts of an input.
const PARTS_MAX: usize = 32;

/// The parts of an input: a length in two bytes, little-endian, before each; the last one may be cut off.
pub fn split(mut input: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = input.split_first_chunk::<2>() {
        if parts.len() == PARTS_MAX {
            break;
        }
        let (part, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        parts.push(part);
        input = rest;
    }
    parts
}

/// The input with these parts; each is shorter than 64 KiB.
pub fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut input = Vec::new();
    for part in parts {
        input.extend_from_slice(&u16::try_from(part.len()).unwrap().to_le_bytes());
        input.extend_from_slice(part);
    }
    input
}
