//! Shadow copies: drives as they stood at one moment, which are read while the drives themselves go on changing. Which system
//! can make them, and how, is the platform's; here they are made once for each drive, held, and let go.

use crate::base::concurrency::Lock;
use crate::system::platform;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

/// The longest answer of the program that makes a shadow copy, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// The shadow copies of a run, one for each drive; they are gone when this is dropped.
#[derive(Debug, Default)]
pub struct Shadows(Lock<Vec<Shadow>>);

/// One drive's.
#[derive(Debug)]
struct Shadow {
    /// The top of the drive.
    volume: PathBuf,
    /// The top of its shadow copy.
    top: PathBuf,
    /// Removes the shadow copy when its standard input ends: however this process ends, none stays behind.
    holder: Child,
}

impl Shadows {
    /// No shadow copy yet.
    pub fn new() -> Shadows {
        Shadows::default()
    }

    /// Where `path` is read as it stood when its drive was first asked for.
    ///
    /// # Errors
    /// When `path` is not there; when no shadow copy of its drive can be made.
    pub fn path_of(&self, path: &Path) -> io::Result<PathBuf> {
        self.path_with(path, platform::volume_of, platform::shadow_command)
    }

    fn path_with(
        &self,
        path: &Path,
        volume_of: impl Fn(&Path) -> io::Result<PathBuf>,
        command: impl Fn(&Path) -> io::Result<Command>,
    ) -> io::Result<PathBuf> {
        let real = platform::canonical(path)?;
        let volume = volume_of(&real)?;
        let below = real.strip_prefix(&volume).map_err(io::Error::other)?;
        let mut shadows = self.0.lock();
        if let Some(shadow) = shadows.iter().find(|shadow| shadow.volume == volume) {
            return Ok(shadow.top.join(below));
        }
        let shadow = Shadow::make(&volume, command(&volume)?)?;
        let there = shadow.top.join(below);
        shadows.push(shadow);
        Ok(there)
    }
}

impl Shadow {
    /// Runs a program that makes a shadow copy, says so in one line (`made TOP`, or why not), and holds it until its standard
    /// input ends.
    fn make(volume: &Path, mut command: Command) -> io::Result<Shadow> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = command.spawn()?;
        let mut answer = Vec::new();
        if let Some(output) = holder.stdout.take() {
            BufReader::new(output.take(ANSWER_BYTES_MAX)).read_until(b'\n', &mut answer)?;
        }
        let answer = String::from_utf8_lossy(&answer);
        let mut shadow = Shadow { volume: volume.to_owned(), top: PathBuf::new(), holder };
        match answer.trim().strip_prefix("made ") {
            Some(top) => {
                shadow.top = PathBuf::from(top);
                Ok(shadow)
            }
            None if answer.trim().is_empty() => Err(io::Error::other("the system gave no answer")),
            None => Err(io::Error::other(answer.trim().to_owned())),
        }
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        // What cannot be waited for ends by itself.
        let _ = self.holder.wait();
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;

    /// As a system's program does: copies the folder, answers, waits, and removes the copy.
    fn copying(volume: &Path) -> Command {
        let mut command = Command::new("sh");
        let script = r#"rm -rf "$1.then" && cp -a "$1" "$1.then" && echo once >> "$1.count" && echo "made $1.then" && cat > /dev/null
            rm -rf "$1.then""#;
        command.args(["-c", script, "sh"]).arg(volume);
        command
    }

    #[test]
    fn a_drive_is_read_as_it_was_and_its_shadow_copy_goes_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let volume = platform::canonical(folder.path()).unwrap().join("drive");
        fs::create_dir_all(volume.join("a/b")).unwrap();
        fs::write(volume.join("a/b/file"), "then").unwrap();
        let shadows = Shadows::new();
        let path_of = |path: &str| {
            let top = volume.clone();
            shadows.path_with(&volume.join(path), move |_| Ok(top.clone()), |volume| Ok(copying(volume)))
        };
        let b = path_of("a/b").unwrap();
        fs::write(volume.join("a/b/file"), "now").unwrap();
        assert_eq!(fs::read_to_string(b.join("file")).unwrap(), "then");
        assert_eq!(fs::read_to_string(path_of("a").unwrap().join("b/file")).unwrap(), "then");
        assert_eq!(path_of("").unwrap(), folder.path().canonicalize().unwrap().join("drive.then").join(""));
        // One for the whole drive.
        assert_eq!(fs::read_to_string(folder.path().join("drive.count")).unwrap(), "once\n");
        assert!(path_of("missing").is_err());
        drop(shadows);
        assert!(!b.exists() && volume.join("a/b/file").exists());
    }

    #[test]
    fn why_there_is_no_shadow_copy_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for (script, told) in
            [("echo access denied", "access denied"), ("exit 1", "no answer"), ("exec false", "no answer")]
        {
            let command = |_: &Path| {
                let mut command = Command::new("sh");
                command.args(["-c", script]);
                Ok(command)
            };
            let top = |path: &Path| Ok(path.to_owned());
            let error = Shadows::new().path_with(folder.path(), top, command).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
        let error = Shadows::new().path_of(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
