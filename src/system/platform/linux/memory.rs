//! The heap of the C library.

/// Pieces of memory of this many bytes and more come from the system and go back to it.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: nix::libc::c_int = 1 << 20;

/// Lets large pieces of memory go back to the system whenever they are freed. By itself glibc takes pieces as large as the
/// largest ever freed from its heap from then on, which grows with every part of a snapshot (mallopt(3), `M_MMAP_THRESHOLD`).
/// To be called before there are threads; does nothing with other C libraries.
pub fn give_large_memory_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code)]
    // SAFETY: mallopt only takes two numbers and sets one of the allocator's own, under the allocator's lock.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}
