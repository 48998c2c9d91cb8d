//! The heap of the C library.

/// Pieces of memory of this many bytes and more come from the system and go back to it.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: nix::libc::c_int = 1 << 20;

pub fn give_large_memory_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code)]
    // SAFETY: mallopt only takes two numbers and sets one of the allocator's own, under the allocator's lock.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}
