//! Threads that work together: locks, bounded memory, order. Knows nothing of what the work is.

mod lock;
mod threads;

mod budget;
mod buffers;
mod ticks;
mod turns;

mod in_turn;
mod ordered;

pub use budget::Budget;
pub use budget::Permit;
pub use buffers::Buffers;
pub use in_turn::Turn;
pub use in_turn::in_turn;
pub use lock::Condition;
pub use lock::Guard;
pub use lock::Lock;
pub use ordered::Limits;
pub use ordered::Sender;
pub use ordered::ordered;
pub use threads::join;
pub use threads::threads;
pub use ticks::with_ticks;
pub use turns::Turns;
