//! The rules by which snapshots stay, as several commands take them.

use clap::Args;
use snap_archive::base::keep::Age;
use snap_archive::base::keep::KeepRules;

/// Which snapshots stay.
#[derive(Args, Default)]
pub(crate) struct KeepRulesArgs {
    /// Keep the N newest
    #[arg(long = "keep-last", value_name = "N", default_value_t = 0, hide_default_value = true)]
    last: u32,
    /// Keep the newest of an hour, of the N newest hours that have one
    #[arg(long = "keep-hourly", value_name = "N", default_value_t = 0, hide_default_value = true)]
    hourly: u32,
    /// Keep the newest of a day, of the N newest days that have one
    #[arg(long = "keep-daily", value_name = "N", default_value_t = 0, hide_default_value = true)]
    daily: u32,
    /// Keep the newest of a week (Monday to Sunday), of the N newest weeks that have one
    #[arg(long = "keep-weekly", value_name = "N", default_value_t = 0, hide_default_value = true)]
    weekly: u32,
    /// Keep the newest of a month, of the N newest months that have one
    #[arg(long = "keep-monthly", value_name = "N", default_value_t = 0, hide_default_value = true)]
    monthly: u32,
    /// Keep the newest of a year, of the N newest years that have one
    #[arg(long = "keep-yearly", value_name = "N", default_value_t = 0, hide_default_value = true)]
    yearly: u32,
    /// Keep all that are at most so much older than the newest: 30d, 6mo, "1 year"
    #[arg(long = "keep-within", value_name = "SPAN", value_parser = age)]
    within: Option<Age>,
    /// Keep all whose note fits this pattern, such as 'release*'; can be given several times
    #[arg(long = "keep-note", value_name = "PATTERN")]
    notes: Vec<String>,
}

impl KeepRulesArgs {
    /// The rules.
    pub(crate) fn rules(&self) -> KeepRules {
        KeepRules {
            last: self.last,
            hourly: self.hourly,
            daily: self.daily,
            weekly: self.weekly,
            monthly: self.monthly,
            yearly: self.yearly,
            within: self.within.clone(),
            notes: self.notes.clone(),
        }
    }
}

fn age(text: &str) -> Result<Age, String> {
    text.parse().map_err(|error: snap_archive::base::error::Error| error.to_string())
}
