//! Runs the program on an archive. Knows its command line, nothing of its insides.

use crate::support::command::Outcome;
use crate::support::command::as_user;
use crate::support::command::program;
use crate::support::command::run;
use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_snap");

/// Longer than anything the tests do: a program that hangs fails its test.
const SECONDS_MAX: &str = "900";

/// The program and the archive that it is used on.
#[derive(Clone)]
pub struct Snap {
    archive: PathBuf,
}

impl Snap {
    /// For the archive in this directory, which need not exist.
    pub fn new(archive: impl Into<PathBuf>) -> Snap {
        Snap { archive: archive.into() }
    }

    /// Where the archive is.
    pub fn archive(&self) -> &Path {
        &self.archive
    }

    /// A command on this archive, to be completed and run.
    pub fn call(&self, command: &str) -> Call {
        Call::new(BINARY.as_ref()).words(command).words("-a").arg(&self.archive)
    }

    /// Makes the archive.
    #[track_caller]
    pub fn init(&self) {
        self.call("init").ok();
    }

    /// One snapshot of these sources, without any problem.
    #[track_caller]
    pub fn create(&self, sources: &[&Path]) -> Outcome {
        self.call("create").args(sources).ok()
    }

    /// Everything of one snapshot, of the newest when `at` is 0, into a directory that is missing or empty.
    #[track_caller]
    pub fn restore(&self, to: &Path, at: usize) -> Outcome {
        let at = if at == 0 { "latest".to_owned() } else { at.to_string() };
        self.call("restore").words("--to").arg(to).words("--at").arg(at).ok()
    }

    /// The snapshots, as `list --json` shows them.
    #[track_caller]
    pub fn history(&self) -> Vec<serde_json::Value> {
        let document = self.call("list").words("--json").ok().json().remove(0);
        document["snapshots"].as_array().cloned().unwrap_or_default()
    }

    /// How many snapshots there are.
    #[track_caller]
    pub fn snapshots(&self) -> usize {
        crate::support::replay::snapshots(&self.archive).len()
    }
}

/// A command line in the making.
pub struct Call(Command);

impl Call {
    /// Runs this copy of the program.
    pub fn new(binary: &Path) -> Call {
        let mut command = program("timeout");
        command.args(["--kill-after=5", SECONDS_MAX]).arg(binary);
        Call(command)
    }

    /// Adds words, separated by blanks.
    #[must_use]
    pub fn words(mut self, words: &str) -> Call {
        self.0.args(words.split_whitespace());
        self
    }

    /// Adds one argument as it is.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Call {
        self.0.arg(arg);
        self
    }

    /// Adds arguments as they are.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: &[A]) -> Call {
        self.0.args(args);
        self
    }

    /// With this variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Call {
        self.0.env(name, value);
        self
    }

    /// Runs it in this directory.
    #[must_use]
    pub fn in_directory(mut self, directory: &Path) -> Call {
        self.0.current_dir(directory);
        self
    }

    /// Runs it as an ordinary user; `None`, with a message, when the tests are not root.
    pub fn by_user(self) -> Option<Call> {
        as_user(&self.0).map(Call)
    }

    /// Runs it to its end, whatever that is.
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        run(&mut self.0)
    }

    /// Runs it; it must be done without a problem.
    #[track_caller]
    pub fn ok(self) -> Outcome {
        self.run().expect_ok()
    }

    /// Runs it; it must end with this code, and say why.
    #[track_caller]
    pub fn fails(self, status: i32) -> Outcome {
        let outcome = self.run().expect(status);
        assert!(!outcome.stderr.is_empty(), "nothing on stderr: {}", outcome.shown());
        outcome
    }
}
