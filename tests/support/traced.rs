//! Runs the program so that it is killed, slowed down or hangs at chosen system calls. Knows nothing of archives.

use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::skipped;
use crate::support::snap::BINARY;
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
const PATIENCE: Duration = Duration::from_mins(2);

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

/// `binary` under strace, which does `inject` (as its option `-e inject=` says it) to it; strace counts the calls of each thread
/// by themselves, and the first thread that comes to a wanted number is meant.
pub fn traced(binary: &str, inject: &str) -> Command {
    let mut command = program("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("inject={inject}")).arg(binary);
    command
}

/// Starts the program; it hangs for a minute in its first call of this name (a `write` only if it is a long one), and
/// hangs when this returns. `None`, with a message, when that is not possible here.
pub fn hanging(call: &str, log: &Path, args: &dyn Fn(&mut Command)) -> Option<Running> {
    let (source, library) = (log.with_extension("c"), log.with_extension("so"));
    if !installed("cc") || !cfg!(target_os = "linux") {
        return None;
    }
    fs::write(&source, HANG).unwrap();
    run(program("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source])).expect_ok();
    let mut running = Running::plain(BINARY, log, &|command| {
        args(command);
        command.env("LD_PRELOAD", &library).env("HANG_IN", call);
    });
    running.wait_until(&|running| running.err().contains("(hanging)"));
    Some(running)
}

/// Replaces the system's own functions; prints a line when it hangs.
const HANG: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
static void hang(const char *call) {
    const char *wanted = getenv("HANG_IN");
    if (!wanted || strcmp(wanted, call)) return;
    syscall(SYS_write, 2, "(hanging)\n", 10);
    for (int second = 0; second < 60; second++) sleep(1);
}
ssize_t write(int fd, const void *bytes, size_t length) {
    if (length > 100000) hang("write");
    return syscall(SYS_write, fd, bytes, length);
}
int fsync(int fd) {
    hang("fsync");
    return syscall(SYS_fsync, fd);
}
"#;

/// A program that runs beside the test.
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

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
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
