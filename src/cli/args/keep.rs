//! The rules by which snapshots stay, as several commands take them.

use clap::Args;
use snap_archive::base::keep::Age;
use snap_archive::base::keep::KeepRules;

/// Which snapshots stay.
#[derive(Args, Default)]
pub(crate) struct KeepRulesArgs {
    /// Keep the N newest snapshots
    #[arg(long = "keep-last", value_name = "N", default_value_t = 0, hide_default_value = true)]
    last: u32,
    /// Keep the newest snapshot of each hour, for the last N hours that have one
    #[arg(long = "keep-hourly", value_name = "N", default_value_t = 0, hide_default_value = true)]
    hourly: u32,
    /// Keep the newest snapshot of each day, for the last N days that have one
    #[arg(long = "keep-daily", value_name = "N", default_value_t = 0, hide_default_value = true)]
    daily: u32,
    /// Keep the newest snapshot of each week (Monday to Sunday), for the last N weeks that have one
    #[arg(long = "keep-weekly", value_name = "N", default_value_t = 0, hide_default_value = true)]
    weekly: u32,
    /// Keep the newest snapshot of each month, for the last N months that have one
    #[arg(long = "keep-monthly", value_name = "N", default_value_t = 0, hide_default_value = true)]
    monthly: u32,
    /// Keep the newest snapshot of each year, for the last N years that have one
    #[arg(long = "keep-yearly", value_name = "N", default_value_t = 0, hide_default_value = true)]
    yearly: u32,
    /// Keep all snapshots that are at most this much older than the newest: 30d, 6mo, "1 year"
    #[arg(long = "keep-within", value_name = "SPAN", value_parser = age)]
    within: Option<Age>,
    /// Keep all snapshots whose note matches this pattern, such as 'release*'; may be given several times
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
