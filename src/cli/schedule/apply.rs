//! Writes what a scheduler is told, and switches it on and off.

use super::cron;
use super::plan::Plan;
use super::plan::PlannedFile;
use super::plan::words;
use crate::cli::failure::Failure;
use crate::cli::output::text;
use snap_archive::base::error::plain_reason;
use snap_archive::base::path::printable;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;

/// Writes the files, or the line, and switches it on.
///
/// # Errors
/// When something cannot be written, or the system refuses.
pub(crate) fn install(plan: &Plan, name: &str) -> Result<(), Failure> {
    for file in &plan.files {
        write(file)?;
    }
    if let Some(line) = &plan.line {
        set_table(&cron::table(&table()?, name, Some(line)))?;
    }
    plan.enable.iter().try_for_each(|command| run_here(command, None).map(drop))
}

/// Switches it off, and removes what was written; whether there was anything.
///
/// # Errors
/// When something cannot be removed, or the system refuses.
pub(crate) fn remove(plan: &Plan, name: &str) -> Result<bool, Failure> {
    if plan.line.is_some() {
        let old = table()?;
        let new = cron::table(&old, name, None);
        if new != old {
            set_table(&new)?;
        }
        return Ok(new != old);
    }
    if !plan.files.iter().any(|file| file.path.exists()) {
        return Ok(false);
    }
    for command in &plan.disable {
        run(command, None)?;
    }
    for file in &plan.files {
        match fs::remove_file(&file.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::new(format!(
                    "cannot remove {}: {}",
                    text::path(&file.path),
                    plain_reason(&error)
                )));
            }
            _ => {}
        }
    }
    if let Some(command) = &plan.forget {
        run(command, None)?;
    }
    Ok(true)
}

/// Whether it is installed and switched on.
///
/// # Errors
/// When the system cannot be asked.
pub(crate) fn is_on(plan: &Plan, name: &str) -> Result<bool, Failure> {
    if plan.line.is_some() {
        let old = table()?;
        return Ok(cron::table(&old, name, None) != old);
    }
    let is_written = plan.files.first().is_some_and(|file| file.path.exists());
    Ok(is_written && run(&plan.ask, None).is_ok_and(|said| said.is_some()))
}

fn write(file: &PlannedFile) -> Result<(), Failure> {
    let bytes = if file.is_wide {
        let wide = std::iter::once(0xfeff).chain(file.text.replace('\n', "\r\n").encode_utf16().collect::<Vec<u16>>());
        wide.flat_map(u16::to_le_bytes).collect()
    } else {
        file.text.clone().into_bytes()
    };
    let folder = file.path.parent().unwrap_or(&file.path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file.path, bytes));
    written.map_err(|error| Failure::new(format!("cannot write {}: {}", text::path(&file.path), plain_reason(&error))))
}

/// The person's table of cron; empty where there is none yet, or no cron.
fn table() -> Result<String, Failure> {
    match run(&words(&["crontab", "-l"]), None) {
        Ok(table) => String::from_utf8(table.unwrap_or_default())
            .map_err(|_| Failure::new("your crontab is not UTF-8 and cannot be changed safely")),
        Err(failure) if failure.what().contains("no crontab") => Ok(String::new()),
        Err(failure) => Err(failure),
    }
}

fn set_table(table: &str) -> Result<(), Failure> {
    run_here(&words(&["crontab", "-"]), Some(table)).map(drop)
}

/// Runs a command that has to be there.
fn run_here(command: &[String], input: Option<&str>) -> Result<Vec<u8>, Failure> {
    let missing = || Failure::new(format!("{} is not installed", command.first().map_or("", String::as_str)));
    run(command, input)?.ok_or_else(missing)
}

/// Runs a command to its end and gives what it said; `None` where there is no such program.
fn run(command: &[String], input: Option<&str>) -> Result<Option<Vec<u8>>, Failure> {
    let shown = printable(command.join(" ").as_bytes()).into_owned();
    let failed = |why: &str| Failure::new(format!("{shown} failed: {}", printable(why.trim().as_bytes())));
    let Some((program, arguments)) = command.split_first() else { return Ok(None) };
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = Command::new(program);
    // What crontab says where there is no table is looked for in English.
    child.args(arguments).env("LC_ALL", "C").stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match child.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        child => child.map_err(|error| failed(&plain_reason(&error)))?,
    };
    if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
        // A program that does not read to the end says so by its exit code.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(&plain_reason(&error)))?;
    if output.status.success() {
        return Ok(Some(output.stdout));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(if said.trim().is_empty() { "it did not say why" } else { &said }))
}
