//! Saving by itself: what each scheduler is told, and that it is switched on and off. Knows the command line only; programs of the
//! system are stood in for by scripts that write down how they were called.

use crate::support::bench::Bench;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::screen::screen;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use insta::assert_snapshot;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;

/// A person with two archives: one in a folder, one on a drive.
struct Ann(Bench);

impl Ann {
    fn new() -> Ann {
        let ann = Ann(Bench::without_archive());
        let archive = ann.0.snap.archive().display();
        let text = format!(
            "default = 'home'\n[archive.home]\ndrives = [{{ label = 'My Stick', folder = 'snap' }}]\n[archive.work]\npath = '{archive}'\n"
        );
        fs::create_dir_all(ann.0.path("config/snap")).unwrap();
        fs::create_dir_all(ann.0.path("bin")).unwrap();
        fs::write(ann.0.path("config/snap/config.toml"), text).unwrap();
        ann
    }

    fn call(&self, words: &str) -> Call {
        let path = std::env::var("PATH").unwrap_or_default();
        Call::new(BINARY.as_ref())
            .words(words)
            .variable("XDG_CONFIG_HOME", self.0.path("config"))
            .variable("XDG_STATE_HOME", self.0.path("state"))
            .variable("HOME", self.0.path("ann"))
            .variable("PATH", format!("{}:{path}", self.0.path("bin").display()))
    }

    /// Stands in for a program of the system.
    fn stand_in(&self, name: &str, script: &str) {
        let file = self.0.path("bin").join(name);
        let log = self.0.path("log");
        fs::write(&file, format!("#!/bin/sh\necho {name} \"$@\" >> '{}'\n{script}\n", log.display())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.0.path("log")).unwrap_or_default();
        let _ = fs::remove_file(self.0.path("log"));
        log
    }

    fn planned(&self, words: &str) -> String {
        let outcome = self.call(&format!("schedule install --print {words}")).ok();
        screen(&self.0, &outcome).replace(BINARY, "/…/snap")
    }
}

#[test]
fn what_systemd_is_told() {
    let ann = Ann::new();
    assert_snapshot!(ann.planned("--with systemd"), @r#"
    [exit 0]
    /…/config/systemd/user/snap-home.service:
    [Unit]
    Description=snap saves to the archive home

    [Service]
    Type=oneshot
    ExecStart=/…/snap create --quiet --archive home --battery 30
    # 4: the drive is not there. 7: the battery is low; it is tried again.
    SuccessExitStatus=4 7
    RestartForceExitStatus=7
    RestartSec=30min
    Nice=19
    IOSchedulingClass=idle

    /…/config/systemd/user/snap-home.timer:
    [Unit]
    Description=snap saves to the archive home, every day at 18:00

    [Timer]
    OnCalendar=*-*-* 18:00:00
    # What was missed while the computer was off is caught up.
    Persistent=true

    [Install]
    WantedBy=timers.target

    /…/config/systemd/user/snap-home-plugged.service:
    [Unit]
    Description=snap saves to the archive home

    [Service]
    Type=oneshot
    # The desktop mounts the drive meanwhile.
    ExecStartPre=/bin/sleep 20
    ExecStart=/…/snap create --quiet --archive home --battery 30
    # 4: the drive is not there. 7: the battery is low; it is tried again.
    SuccessExitStatus=4 7
    RestartForceExitStatus=7
    RestartSec=30min
    Nice=19
    IOSchedulingClass=idle

    [Install]
    WantedBy=dev-disk-by\x2dlabel-My\x5cx20Stick.device

    $ systemctl --user daemon-reload
    $ systemctl --user enable --now snap-home.timer
    $ systemctl --user enable snap-home-plugged.service
    Nothing was written. To do it, run the same command without --print.
    "#);
    assert_snapshot!(ann.planned("--with systemd --every week --on mon --at 7:05 --no-plug --battery 0"), @r#"
    [exit 0]
    /…/config/systemd/user/snap-home.service:
    [Unit]
    Description=snap saves to the archive home

    [Service]
    Type=oneshot
    ExecStart=/…/snap create --quiet --archive home
    # 4: the drive is not there. 7: the battery is low; it is tried again.
    SuccessExitStatus=4 7
    RestartForceExitStatus=7
    RestartSec=30min
    Nice=19
    IOSchedulingClass=idle

    /…/config/systemd/user/snap-home.timer:
    [Unit]
    Description=snap saves to the archive home, every Monday at 07:05

    [Timer]
    OnCalendar=Mon *-*-* 07:05:00
    # What was missed while the computer was off is caught up.
    Persistent=true

    [Install]
    WantedBy=timers.target

    $ systemctl --user daemon-reload
    $ systemctl --user enable --now snap-home.timer
    Nothing was written. To do it, run the same command without --print.
    "#);
    assert!(!ann.0.path("config/systemd").exists(), "nothing was written");
}

#[test]
fn what_the_others_are_told() {
    let ann = Ann::new();
    assert_snapshot!(ann.planned("--with cron --every hour --at 0:07"), @r#"
    [exit 0]
    crontab: 7 * * * * nice -n 19 /…/snap create --quiet --archive home --battery 30 # snap schedule: home
    cron does not catch up what was missed while the computer was off.
    Nothing was written. To do it, run the same command without --print.
    "#);
    assert_snapshot!(ann.planned("--with launchd --every week --on saturday"), @r#"
    [exit 0]
    /…/ann/Library/LaunchAgents/local.snap.home.plist:
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
    <plist version="1.0">
    <dict>
      <key>Label</key>
      <string>local.snap.home</string>
      <key>ProgramArguments</key>
      <array>
        <string>/…/snap</string>
        <string>create</string>
        <string>--quiet</string>
        <string>--archive</string>
        <string>home</string>
        <string>--battery</string>
        <string>30</string>
      </array>
      <key>StartCalendarInterval</key>
      <dict>
        <key>Weekday</key>
        <integer>6</integer>
        <key>Hour</key>
        <integer>18</integer>
        <key>Minute</key>
        <integer>0</integer>
      </dict>
      <key>StartOnMount</key>
      <true/>
      <key>Nice</key>
      <integer>19</integer>
      <key>LowPriorityIO</key>
      <true/>
      <key>ProcessType</key>
      <string>Background</string>
    </dict>
    </plist>

    $ launchctl load -w /…/ann/Library/LaunchAgents/local.snap.home.plist
    Nothing was written. To do it, run the same command without --print.
    "#);
    assert_snapshot!(ann.planned("--with tasks"), @r#"
    [exit 0]
    /…/config/snap/task-home.xml:
    <?xml version="1.0" encoding="UTF-16"?>
    <Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
      <RegistrationInfo><Description>snap saves to the archive home, every day at 18:00</Description></RegistrationInfo>
      <Triggers>
        <CalendarTrigger>
          <StartBoundary>2026-01-01T18:00:00</StartBoundary>
          <ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>
        </CalendarTrigger>
      </Triggers>
      <Settings>
        <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
        <DisallowStartIfOnBatteries>true</DisallowStartIfOnBatteries>
        <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
        <StartWhenAvailable>true</StartWhenAvailable>
        <Priority>9</Priority>
      </Settings>
      <Actions>
        <Exec>
          <Command>/…/snap</Command>
          <Arguments>create --quiet --archive home --battery 30</Arguments>
        </Exec>
      </Actions>
    </Task>

    $ schtasks /Create /F /TN "snap home" /XML /…/config/snap/task-home.xml
    Nothing was written. To do it, run the same command without --print.
    "#);
}

#[test]
fn units_are_written_switched_on_asked_and_removed() {
    let ann = Ann::new();
    ann.stand_in("systemctl", "");
    let installed = ann.call("schedule install --with systemd").ok();
    assert!(installed.out().contains("systemd saves to home every day at 18:00 (next: "), "{}", installed.shown());
    assert_eq!(
        ann.log(),
        "systemctl --user daemon-reload\nsystemctl --user enable --now snap-home.timer\n\
         systemctl --user enable snap-home-plugged.service\n"
    );
    let units = ann.0.path("config/systemd/user");
    let mut names: Vec<_> =
        fs::read_dir(&units).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["snap-home-plugged.service", "snap-home.service", "snap-home.timer"]);
    let on = ann.call("schedule status --json").ok().json().remove(0);
    assert_eq!((&on["what"], &on["scheduler"]), (&"on".into(), &"systemd".into()));
    assert!(on["next"].as_str().is_some_and(|next| next.ends_with(":00:00Z")), "{on}");
    let status = ann.call("status --json").run().expect(6).json().remove(0);
    assert_eq!(status["next"], on["next"]);
    ann.log();
    ann.call("schedule remove").ok();
    assert_eq!(
        ann.log(),
        "systemctl --user disable --now snap-home.timer\nsystemctl --user disable snap-home-plugged.service\n\
         systemctl --user daemon-reload\n"
    );
    assert_eq!(fs::read_dir(&units).unwrap().count(), 0);
    let off = ann.call("schedule status --with systemd").run().expect(3);
    assert!(off.out().contains("Nothing saves to home automatically (systemd)"), "{}", off.shown());
    ann.call("schedule remove --with systemd").ok();
}

#[test]
fn another_schedule_takes_the_place_of_the_one_before() {
    let ann = Ann::new();
    ann.stand_in("systemctl", "");
    let file = ann.0.path("table").display().to_string();
    ann.stand_in(
        "crontab",
        &format!("case $1 in -l) cat '{file}' 2>/dev/null || {{ echo 'no crontab for ann' >&2; exit 1; }};; -) cat > '{file}';; esac"),
    );
    ann.call("schedule install --with systemd").ok();
    let plugged = ann.0.path("config/systemd/user/snap-home-plugged.service");
    assert!(plugged.exists());
    ann.call("schedule install --with systemd --no-plug").ok();
    assert!(!plugged.exists(), "it would still save when the drive is plugged in");
    ann.call("schedule install --with cron").ok();
    assert!(!ann.0.path("config/systemd/user/snap-home.timer").exists(), "it would be saved twice");
    assert!(fs::read_to_string(&file).unwrap().contains("snap schedule: home"));
    fs::write(&file, b"0 0 * * * echo \xff\n").unwrap();
    let refused = ann.call("schedule install --with cron").fails(1);
    assert!(refused.err().contains("not UTF-8"), "{}", refused.shown());
    assert_eq!(fs::read(&file).unwrap(), b"0 0 * * * echo \xff\n", "the lines of others stay as they are");
}

#[test]
fn a_system_that_refuses_is_told() {
    let ann = Ann::new();
    ann.stand_in("systemctl", "echo 'Failed to connect to bus' >&2; exit 1");
    let failed = ann.call("schedule install --with systemd").fails(1);
    assert!(
        failed.err().contains("systemctl --user daemon-reload failed: Failed to connect to bus"),
        "{}",
        failed.shown()
    );
    assert_eq!(ann.call("schedule status --with systemd").run().status, 3);
}

#[test]
fn where_there_is_no_scheduler_nothing_is_on_and_only_installing_fails() {
    let ann = Ann::new();
    // All that is there is what these tests run the program by.
    let path = std::env::var_os("PATH").unwrap();
    let timeout = std::env::split_paths(&path).map(|folder| folder.join("timeout")).find(|file| file.exists()).unwrap();
    symlink(timeout, ann.0.path("bin/timeout")).unwrap();
    let call = |words: &str| ann.call(words).variable("PATH", ann.0.path("bin"));
    for (with, program) in [("cron", "crontab"), ("systemd", "systemctl")] {
        let asked = call(&format!("schedule status --with {with}")).run().expect(3);
        assert!(asked.out().contains("Nothing saves to "), "{}", asked.shown());
        call(&format!("schedule remove --with {with}")).ok();
        let failed = call(&format!("schedule install --with {with}")).fails(1);
        assert!(failed.err().contains(&format!("{program} is not installed")), "{}", failed.shown());
        // What was written for a scheduler that is gone can be removed.
        call(&format!("schedule status --with {with}")).run().expect(3);
        call(&format!("schedule remove --with {with}")).ok();
        assert!(!ann.0.path("config/systemd/user/snap-home.service").exists());
    }
}

#[test]
fn the_table_of_cron_keeps_the_lines_of_others() {
    let ann = Ann::new();
    let table = ann.0.path("table");
    let file = table.display();
    ann.stand_in(
        "crontab",
        &format!("case $1 in -l) cat '{file}' 2>/dev/null || {{ echo 'no crontab for ann' >&2; exit 1; }};; -) cat > '{file}';; esac"),
    );
    ann.call("schedule install --with cron").ok();
    fs::write(&table, format!("{}1 2 3 4 5 other\n", fs::read_to_string(&table).unwrap())).unwrap();
    ann.call("schedule install --with cron -a work --every hour").ok();
    ann.call("schedule install --with cron --at 6:30").ok();
    let lines = fs::read_to_string(&table).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.contains("1 2 3 4 5 other\n") && lines.contains("30 6 * * * nice"), "{lines}");
    assert_eq!(ann.call("schedule status").run().status, 0);
    ann.call("schedule remove").ok();
    ann.call("schedule remove -a work").ok();
    assert_eq!(fs::read_to_string(&table).unwrap(), "1 2 3 4 5 other\n");
}

#[test]
fn systemd_understands_its_units() {
    if !installed("systemd-analyze") {
        return;
    }
    let ann = Ann::new();
    ann.stand_in("systemctl", "");
    for words in ["", "--every hour", "--every week --on tue --at 23:59"] {
        ann.call(&format!("schedule install --with systemd {words}")).ok();
        let units = ann.0.path("config/systemd/user");
        for unit in ["snap-home.timer", "snap-home.service", "snap-home-plugged.service"] {
            let mut verify = program("systemd-analyze");
            verify
                .args(["verify", "--user", "--man=no"])
                .arg(units.join(unit))
                .env("XDG_RUNTIME_DIR", ann.0.path("run"));
            let outcome = run(&mut verify);
            let own: Vec<_> = outcome.err().lines().filter(|line| line.contains("snap-")).map(str::to_owned).collect();
            assert!(own.is_empty(), "{unit}: {own:?}");
        }
    }
    let calendar = |text: &str| run(program("systemd-analyze").args(["calendar", text])).expect_ok();
    for text in ["*-*-* *:07:00", "*-*-* 18:00:00", "Tue *-*-* 23:59:00"] {
        calendar(text);
    }
}

#[test]
fn a_job_runs_as_it_is_written() {
    let ann = Ann::new();
    ann.0.home.file("f", "x");
    let folder = ann.0.snap.archive().to_owned();
    ann.0.snap.call("create").arg(ann.0.home.root()).words("--init").ok();
    let plan = ann.call("schedule install --print --with cron --json -a").arg(&folder).ok().json().remove(0);
    let line = plan["line"].as_str().unwrap();
    let command = line.splitn(6, ' ').nth(5).unwrap();
    ann.0.home.file("g", "y");
    run(&mut shell(command, &[])).expect_silent();
    assert_eq!(ann.0.snap.snapshots(), 2);
}

#[test]
fn two_archives_in_folders_have_schedules_of_their_own() {
    let ann = Ann::new();
    let units = |folder: &str| {
        let planned = ann.planned(&format!("--with systemd -a {folder}"));
        let own = planned.lines().find(|line| line.ends_with(".timer:")).map(str::to_owned);
        own.unwrap_or_else(|| panic!("no timer: {planned}"))
    };
    let (one, two) = (ann.0.path("one"), ann.0.path("two"));
    let [one, two] = [one, two].map(|folder| folder.to_str().unwrap().to_owned());
    assert_ne!(units(&one), units(&two));
    assert_eq!(units(&one), units(&one));
}

#[test]
fn a_drive_by_its_label_is_looked_for_at_each_run_and_when_it_is_plugged_in() {
    let ann = Ann::new();
    let planned = ann.planned("--with systemd -a STICK:/backup");
    assert!(planned.contains("--archive STICK:/backup"), "{planned}");
    assert!(!planned.contains("/STICK:"), "it is not a folder here: {planned}");
    assert!(planned.contains("dev-disk-by\\x2dlabel-STICK.device"), "{planned}");
}
