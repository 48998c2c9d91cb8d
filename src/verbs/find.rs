//! `find`: which paths there ever were, in all snapshots at once. Reads each index file once, and contents only where a text in
//! them is looked for.

mod options;

mod wanted;

mod containing;

pub use self::options::FindOptions;
pub use self::options::FoundPath;

use self::containing::contents_with;
use self::wanted::Wanted;
use crate::archive::catalog::Catalog;
use crate::archive::timeline::Courses;
use crate::base::error::Result;
use crate::base::monitor::Monitor;

/// Calls `visit` with every path that matches in some snapshot, in the order of a walk. Memory is bounded: where very
/// many match, the index is read several times.
///
/// # Errors
/// What `visit` fails with; [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor
/// asks to stop; when the archive cannot be read, or its index is damaged and cannot be made again. A snapshot that
/// cannot be read is reported as a problem.
pub fn find(
    catalog: &Catalog,
    options: &FindOptions,
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&FoundPath) -> Result<()>,
) -> Result<()> {
    let mut wanted = Wanted::new(options);
    if let Some(text) = &options.containing {
        let contents = contents_with(catalog, (&wanted, text), monitor)?;
        wanted = wanted.having(contents);
    }
    for course in Courses::new(catalog, monitor, &wanted, options.threads) {
        if let Some(found) = wanted.found(course?) {
            visit(&found)?;
        }
    }
    Ok(())
}
