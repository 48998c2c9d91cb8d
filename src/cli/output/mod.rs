//! How things are said: texts of advice and notices. Prints nothing.

pub(crate) mod advice;
pub(crate) mod notices;
