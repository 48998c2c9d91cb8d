//! The standard output for what comes piece by piece and may be long; it may be closed before its end (`| head`).

use snap_archive::base::error::Error;
use snap_archive::base::error::Result;
use std::io;
use std::io::BufWriter;
use std::io::Write;

/// Lines or bytes for a reader that may stop reading.
pub(crate) struct Lines<W: Write = io::StdoutLock<'static>> {
    writer: BufWriter<W>,
    is_closed: bool,
}

impl Lines {
    /// To the standard output.
    pub(crate) fn new() -> Lines {
        Lines::to(io::stdout().lock())
    }
}

impl<W: Write> Lines<W> {
    /// To this writer.
    pub(crate) fn to(writer: W) -> Lines<W> {
        Lines { writer: BufWriter::with_capacity(1 << 16, writer), is_closed: false }
    }

    /// Whether the reader has closed the output.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self, "{line}").map_err(write_failed)
    }

    /// Writes what is still kept.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.flush().map_err(write_failed)
    }

    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| self.is_closed |= error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes);
        self.noted(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.writer.flush();
        self.noted(flushed)
    }
}

fn write_failed(error: io::Error) -> Error {
    Error::io("cannot write the output", error)
}
