//! Runs programs and looks at what they said. Knows nothing of snap.

use std::process::Command;
use std::process::Stdio;

/// What a program left behind when it ended.
pub struct Outcome {
    /// The exit code; -1 when a signal ended it.
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    line: String,
}

impl Outcome {
    /// What a program left behind that was run in another way.
    pub fn new(output: std::process::Output, line: &str) -> Outcome {
        let status = output.status.code().unwrap_or(-1);
        Outcome { status, stdout: output.stdout, stderr: output.stderr, line: line.to_owned() }
    }

    /// What it wrote to stdout, as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it wrote to stderr, as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Both, for messages that may stand in either.
    pub fn said(&self) -> String {
        format!("{}{}", self.out(), self.err())
    }

    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, status: i32) -> Outcome {
        assert_eq!(self.status, status, "exit code of {}", self.shown());
        self
    }

    /// Fails the test unless the program ended well.
    #[track_caller]
    pub fn expect_ok(self) -> Outcome {
        self.expect(0)
    }

    /// Fails the test unless the program ended well and had nothing to complain about.
    #[track_caller]
    pub fn expect_silent(self) -> Outcome {
        assert!(self.stderr.is_empty(), "stderr should be empty: {}", self.shown());
        self.expect(0)
    }

    /// Fails the test unless one of the outputs holds one of these words, in whatever case.
    #[track_caller]
    pub fn expect_said(self, words: &[&str]) -> Outcome {
        let said = self.said().to_lowercase();
        assert!(words.iter().any(|word| said.contains(&word.to_lowercase())), "none of {words:?} in {}", self.shown());
        self
    }

    /// The JSON values on stdout; the elements, when it is one array.
    #[track_caller]
    pub fn json(&self) -> Vec<serde_json::Value> {
        let values = serde_json::Deserializer::from_slice(&self.stdout).into_iter();
        let values: Result<Vec<serde_json::Value>, _> = values.collect();
        match values {
            Ok(mut values) => match values.as_mut_slice() {
                [serde_json::Value::Array(elements)] => std::mem::take(elements),
                _ => values,
            },
            Err(error) => panic!("not JSON ({error}): {}", self.shown()),
        }
    }

    /// Everything, for the message of a failed test.
    pub fn shown(&self) -> String {
        let (out, err) = (self.out(), self.err());
        format!("{}\n--- exit {}\n--- stdout\n{out}\n--- stderr\n{err}\n---", self.line, self.status)
    }
}

/// A program, in the same surroundings everywhere: UTC, UTF-8, no colour, no configuration, nothing to read from stdin.
pub fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.env("NO_COLOR", "1").env("TZ", "UTC").env("LANG", "C.UTF-8");
    let own = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_CONFIG_HOME", own.join("no-configuration")).env("XDG_STATE_HOME", own.join("state"));
    command.env_remove("LC_ALL").env_remove("SNAP_ARCHIVE").env_remove("TAR_OPTIONS").stdin(Stdio::null());
    command
}

/// Runs it to its end.
#[track_caller]
pub fn run(command: &mut Command) -> Outcome {
    let line = format!("{command:?}");
    match command.output() {
        Ok(output) => Outcome::new(output, &line),
        Err(error) => panic!("cannot run {line}: {error}"),
    }
}

/// A line for `/bin/sh`, with `$1`, `$2` … for what must not be quoted by hand.
pub fn shell(line: &str, words: &[&dyn AsRef<std::ffi::OsStr>]) -> Command {
    let mut command = program("sh");
    command.arg("-c").arg(line).arg("sh").args(words.iter().map(AsRef::as_ref));
    command
}

/// Whether a tool is there; says that what needs it is skipped when not.
pub fn installed(tool: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(tool).is_file()));
    if !found {
        skipped(&format!("{tool} is not installed"));
    }
    found
}

/// Says that something was left out, and why.
pub fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// Whether the tests are root; says that what needs it is skipped when not.
pub fn as_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skipped("only root can do this");
    }
    root
}

/// The number of the ordinary user, and of the group, that root's tests turn into.
pub const ORDINARY: u32 = 65534;

/// The same command, run as an ordinary user; `None`, with a message, when the tests are not root.
pub fn as_user(command: &Command) -> Option<Command> {
    if !as_root() || !installed("setpriv") {
        return None;
    }
    let mut wrapped = program("setpriv");
    wrapped.arg("--reuid").arg(ORDINARY.to_string()).arg("--regid").arg(ORDINARY.to_string()).arg("--clear-groups");
    wrapped.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        wrapped.current_dir(directory);
    }
    Some(wrapped)
}

mod tests {
    use super::as_user;
    use super::program;
    use super::run;
    use super::shell;

    #[test]
    fn an_outcome_holds_the_code_and_both_outputs() {
        let outcome = run(&mut shell("echo \"$1\"; echo bad >&2; exit 3", &[&"a b"])).expect(3);
        assert_eq!((outcome.out().as_str(), outcome.err().as_str()), ("a b\n", "bad\n"));
    }

    #[test]
    fn json_may_be_an_array_or_lines() {
        let outcome = run(program("printf").arg("[{\"a\":1},{\"a\":2}]"));
        assert_eq!(outcome.json().len(), 2);
        let outcome = run(program("printf").arg("{\"a\":1}\\n{\"a\":2}\\n"));
        assert_eq!(outcome.json()[1]["a"], 2);
    }

    #[test]
    fn an_ordinary_user_is_not_root() {
        let mut id = program("id");
        id.arg("-u");
        if let Some(mut id) = as_user(&id) {
            assert_eq!(run(&mut id).expect_silent().out(), "65534\n");
        }
    }
}
