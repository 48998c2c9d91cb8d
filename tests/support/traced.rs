//! Runs the program under strace, which kills it or slows it down at chosen system calls. Knows nothing of archives.

use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::skipped;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// Much longer than anything that is waited for; only a program that hangs takes as long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether strace is there and allowed to trace; says that what needs it is skipped when not.
pub fn can_trace() -> bool {
    if !installed("strace") {
        return false;
    }
    let traced = run(program("strace").args(["-o", "/dev/null", "true"])).status == 0;
    if !traced {
        skipped("strace may not trace here");
    }
    traced
}

/// Whose system calls are meant. Each thread's are counted by themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Threads {
    /// Those of the first thread.
    First,
    /// Those of whichever thread comes to the wanted number first.
    All,
}

/// `binary` under strace, which does `inject` (as its option `-e inject=` says it) to it.
pub fn traced(binary: &str, threads: Threads, inject: &str) -> Command {
    let mut command = program("strace");
    if threads == Threads::All {
        command.arg("-f");
    }
    command.args(["-qq", "-o", "/dev/null", "-e"]).arg(format!("inject={inject}")).arg(binary);
    command
}

/// A program that runs while the test looks on.
pub struct Running {
    child: Child,
    log: PathBuf,
}

/// How a program ended.
pub struct Ended {
    /// The exit code; -1 when a signal ended it.
    pub status: i32,
    /// What it wrote to the standard error.
    pub err: String,
    /// How long it took from the last signal on.
    pub took: Duration,
}

impl Running {
    /// Starts `binary`, slowed down as `inject` says; what it does is noted in `log`. The process started is the program itself.
    pub fn slowed(binary: &str, inject: &str, log: &Path, args: &dyn Fn(&mut Command)) -> Running {
        let mut command = program("strace");
        command.args(["-D", "-f", "-qq", "-o"]).arg(log).arg("-e").arg(format!("inject={inject}")).arg(binary);
        Running::start(command, log, args)
    }

    /// Starts `binary` as it is.
    pub fn plain(binary: &str, log: &Path, args: &dyn Fn(&mut Command)) -> Running {
        Running::start(program(binary), log, args)
    }

    fn start(mut command: Command, log: &Path, args: &dyn Fn(&mut Command)) -> Running {
        args(&mut command);
        let child = command.stdout(Stdio::null()).stderr(fs::File::create(log.with_extension("err")).unwrap()).spawn();
        Running { child: child.unwrap(), log: log.to_owned() }
    }

    /// Waits until `is_so`; fails the test when the program ends before, or nothing happens.
    #[track_caller]
    pub fn wait_until(&mut self, is_so: &dyn Fn(&Running) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended before it was stopped: {}", self.err());
            assert!(began.elapsed() < PATIENCE, "it does not come to what is waited for: {}", self.err());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How often `text` stands in the log of its system calls.
    pub fn logged(&self, text: &str) -> usize {
        fs::read_to_string(&self.log).map_or(0, |log| log.lines().filter(|line| line.contains(text)).count())
    }

    /// What it wrote to the standard error so far.
    pub fn err(&self) -> String {
        fs::read_to_string(self.log.with_extension("err")).unwrap_or_default()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends it a signal and waits for its end.
    #[track_caller]
    pub fn stop(mut self, signal: Signal) -> Ended {
        let began = Instant::now();
        self.signal(signal);
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ended { status: status.code().unwrap_or(-1), err: self.err(), took: began.elapsed() };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end: {}", self.err());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
