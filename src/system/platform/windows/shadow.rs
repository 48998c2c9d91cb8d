//! How Windows makes a shadow copy: by WMI, through PowerShell, which every edition has.

/// What the numbers mean that `Create` of `Win32_ShadowCopy` answers, but 0.
/// Source: `Win32_ShadowCopy` in Microsoft's documentation of WMI.
const REASONS: [(u8, &str); 7] = [
    (1, "access is denied"),
    (3, "there is no such drive"),
    (4, "this kind of drive has none; only NTFS and ReFS do"),
    (6, "the drive has too little room for one"),
    (7, "the drive is in use"),
    (8, "the drive has as many as it may have"),
    (9, "another one is being made; try again in a minute"),
];

/// The program of PowerShell that makes a shadow copy of the drive whose top is `volume`, says in one line where it is or why
/// there is none, and removes it when its standard input ends.
pub fn script(volume: &str) -> String {
    let volume = volume.replace('\'', "''");
    let reasons: Vec<String> = REASONS.iter().map(|(number, reason)| format!("{number} = '{reason}'")).collect();
    let reasons = reasons.join("; ");
    format!(
        "$ErrorActionPreference = 'Stop'
$reasons = @{{ {reasons} }}
try {{
  $asked = @{{ Volume = '{volume}'; Context = 'ClientAccessible' }}
  $made = Invoke-CimMethod -ClassName Win32_ShadowCopy -MethodName Create -Arguments $asked
  $number = [int]$made.ReturnValue
  if ($number -ne 0) {{
    $reason = $reasons[$number]
    if (-not $reason) {{ $reason = 'the system could not make one, error ' + $number }}
    throw $reason
  }}
  $shadow = Get-CimInstance Win32_ShadowCopy | Where-Object {{ $_.ID -eq $made.ShadowID }}
  [Console]::Out.WriteLine('made ' + $shadow.DeviceObject)
}} catch {{
  [Console]::Out.WriteLine($_.Exception.Message)
  exit 1
}}
[Console]::In.ReadToEnd() | Out-Null
Remove-CimInstance -InputObject $shadow
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_is_named_as_it_is_and_nothing_of_it_is_run() {
        assert!(script(r"C:\").contains(r"Volume = 'C:\';"));
        assert!(script(r"C:\it's'; Remove-Item *\").contains(r"Volume = 'C:\it''s''; Remove-Item *\';"));
    }

    #[test]
    fn what_went_wrong_is_told_in_words() {
        let script = script(r"D:\");
        assert!(script.contains("6 = 'the drive has too little room for one';"));
        assert!(REASONS.iter().all(|(_, reason)| !reason.contains('\'')));
    }
}
