//! Numbers of bytes as people read them.

/// `4.2 MB`, `123 MB`: in steps of 1000, as file managers and makers of drives count.
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // Rounded before the unit is chosen, so that 999,950 becomes 1.0 MB and not 1000 kB.
    let rounded = |steps: u128| (u128::from(bytes) + steps / 2) / steps;
    let mut unit_bytes: u128 = 1000;
    for unit in UNITS {
        let (whole, tenths) = (rounded(unit_bytes), rounded(unit_bytes / 10));
        if tenths < 1000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        if whole < 1000 {
            return format!("{whole} {unit}");
        }
        unit_bytes *= 1000;
    }
    format!("{bytes} B")
}
