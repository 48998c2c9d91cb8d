//! Whether this computer runs on battery, and how full that is. Knows what Linux's sysfs tells (sysfs-class-power in its ABI
//! documents); elsewhere nothing is known.

use std::fs;
use std::path::Path;

/// How many percent of the battery are left while the computer runs on it; `None` when it does not, or that is not known.
pub(crate) fn on_battery() -> Option<u8> {
    percent_left(Path::new("/sys/class/power_supply"))
}

fn percent_left(supplies: &Path) -> Option<u8> {
    let mut left: Option<u8> = None;
    for supply in supplies.read_dir().ok()?.flatten() {
        let read = |name: &str| fs::read_to_string(supply.path().join(name)).unwrap_or_default().trim().to_owned();
        // A mouse has a battery, too.
        if read("scope") == "Device" {
            continue;
        }
        if read("online") == "1" {
            return None;
        }
        if read("type") == "Battery" && read("status") == "Discharging" {
            let percent = read("capacity").parse().ok()?;
            left = Some(left.map_or(percent, |other| other.max(percent)));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_a_computer_that_runs_on_its_battery_has_percents_left() {
        let folder = tempfile::tempdir().unwrap();
        let supply = |name: &str, files: &[(&str, &str)]| {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            for (file, text) in files {
                fs::write(folder.path().join(name).join(file), text).unwrap();
            }
        };
        assert_eq!(percent_left(folder.path()), None);
        assert_eq!(percent_left(&folder.path().join("missing")), None);
        supply(
            "mouse",
            &[("type", "Battery\n"), ("scope", "Device\n"), ("status", "Discharging\n"), ("capacity", "3\n")],
        );
        supply("BAT0", &[("type", "Battery\n"), ("status", "Charging\n"), ("capacity", "50\n")]);
        assert_eq!(percent_left(folder.path()), None);
        supply("BAT0", &[("status", "Discharging\n")]);
        supply("AC", &[("type", "Mains\n"), ("online", "0\n")]);
        assert_eq!(percent_left(folder.path()), Some(50));
        supply("AC", &[("online", "1\n")]);
        assert_eq!(percent_left(folder.path()), None);
    }
}
