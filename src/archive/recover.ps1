# Gets a snapshot back from this archive with nothing but Windows: PowerShell, and a tar that knows zstd (Windows 11 has it).
#   powershell -ExecutionPolicy Bypass -File recover.ps1 TARGET             the newest snapshot
#   powershell -ExecutionPolicy Bypass -File recover.ps1 TARGET SNAPSHOT    the snapshot with this number
# TARGET is a new or an empty folder. Exit code 0: all is there. 1: not all could be unpacked; what, was said. 2: it cannot be
# done here, or the command line makes no sense.
param([string]$Target = '', [int]$Snapshot = 0)
$ErrorActionPreference = 'Stop'
$script:Incomplete = $false

function Say([string]$What) { [Console]::Error.WriteLine("recover.ps1: $What") }
function Stop-Here([string]$What) { Say $What; exit 2 }
function Miss([string]$What) { Say $What; $script:Incomplete = $true }

if (-not $Target) { $Target = Read-Host 'This brings back the newest snapshot. Into which new folder, for example C:\recovered' }
if (-not $Target) { Stop-Here 'a target is needed' }
$tar = Join-Path $env:SystemRoot 'System32\tar.exe'
# Without zstd of its own it would wait for another program for ever.
$hasZstd = (Test-Path -LiteralPath $tar) -and ("$(& $tar --version)" -match 'libzstd')
if (-not $hasZstd) {
    Stop-Here ('the tar of this Windows does not know zstd. Use snap itself (folder programs, if it is there), 7-Zip, ' +
        'or recover.sh under WSL or Linux; README.txt says how')
}

# All names are looked at before anything is unpacked.
$bundles = New-Object 'Collections.Generic.List[string]'
foreach ($file in [IO.Directory]::GetFiles((Join-Path $PSScriptRoot 'bundles'), '*.tar.zst')) {
    $name = [IO.Path]::GetFileName($file)
    if ($name -cmatch '^\d{6}-\d{8}T\d{6}Z(\.\d{4})?\.tar\.zst$') { $bundles.Add($name) }
    else { Say "left out, for it has not the name of a bundle (is it a copy?): $name" }
}
$bundles.Sort([StringComparer]::Ordinal)
$wanted = New-Object 'Collections.Generic.List[string]'
$number = 0
$moment = ''
$part = 0
foreach ($name in $bundles) {
    $before = $number
    $number = [int]$name.Substring(0, 6)
    $time = $name.Substring(7, 16)
    if ($number -eq $before) {
        if ($time -ne $moment) { Stop-Here "two histories are in the folder bundles: number $number is there twice; move away what belongs to the other" }
    } else {
        if ($Snapshot -and $number -gt $Snapshot) { $number = $before; break }
        $part = 0
        if ($number -ne $before + 1) { Miss "the bundles between $before and $number are missing, and what was saved in them" }
    }
    $moment = $time
    $part++
    if ($name -match 'Z\.(\d{4})\.' -and [int]$Matches[1] -ne $part) {
        Miss "part $part of $number-$moment is missing, and what was saved in it"
        $part = [int]$Matches[1]
    }
    $wanted.Add($name)
}
if ($Snapshot -and $number -ne $Snapshot) { Stop-Here "there is no snapshot $Snapshot" }
if (-not $wanted.Count) { Stop-Here 'there are no snapshots' }
if ((Test-Path -LiteralPath $Target) -and (Get-ChildItem -LiteralPath $Target -Force | Select-Object -First 1)) {
    Stop-Here "$Target is not empty"
}
$Target = (New-Item -ItemType Directory -Force -Path $Target).FullName
# No path is too long, and no name reserved, behind this.
$root = '\\?\' + $Target.TrimEnd('\')
$manifest = "$root\.snap-manifest.jsonl"

# The path of a line below the target; nothing for a name that Windows cannot have, or that would lead out of it.
function Get-Place($Path) {
    if ($Path -isnot [string] -or $Path -match '[\\:*?"<>|]' -or $Path -match '(^|/)\.{0,2}(/|$)') { return $null }
    "$root\$($Path -replace '/', '\')"
}

function Remove-Place([string]$Place) {
    $found = New-Object IO.FileInfo $Place
    if ([int]$found.Attributes -eq -1) { return }
    if ($found.Attributes -band [IO.FileAttributes]::ReadOnly) { $found.Attributes = 'Normal' }
    if ([IO.Directory]::Exists($Place)) { [IO.Directory]::Delete($Place) } else { [IO.File]::Delete($Place) }
}

# What the manifest says is gone is removed, the deepest first. What another line has in another case only is the same here.
function Remove-Gone {
    $gone = New-Object 'Collections.Generic.List[string]'
    $here = New-Object 'Collections.Generic.HashSet[string]' ([StringComparer]::OrdinalIgnoreCase)
    foreach ($line in [IO.File]::ReadLines($manifest)) {
        if (-not $line.StartsWith('{"path":')) { continue }
        $change = ConvertFrom-Json $line
        $place = Get-Place $change.path
        if (-not $place) { continue }
        if ($change.PSObject.Properties['gone']) { $gone.Add($place); continue }
        [void]$here.Add($place)
        foreach ($pair in @($change.xattrs | Where-Object { $_ })) {
            if ($pair[0] -eq 'windows.attributes' -or $pair[0] -eq 'windows.created') { $kept["$($pair[0])|$place"] = $pair[1] }
        }
    }
    for ($at = $gone.Count - 1; $at -ge 0; $at--) {
        if ($here.Contains($gone[$at])) { continue }
        $kept.Remove("windows.attributes|$($gone[$at])")
        $kept.Remove("windows.created|$($gone[$at])")
        try { Remove-Place $gone[$at] } catch { Miss "cannot be removed: $($gone[$at].Substring($root.Length + 1))" }
    }
}

$kept = @{}
foreach ($name in $wanted) {
    Write-Output "unpacking $name"
    $bundle = Join-Path $PSScriptRoot "bundles\$name"
    $ErrorActionPreference = 'Continue'
    & $tar --options hdrcharset=UTF-8 -xf $bundle -C $Target
    $isWhole = $LASTEXITCODE -eq 0
    $ErrorActionPreference = 'Stop'
    if (-not [IO.File]::Exists($manifest)) { Miss "$name could not be unpacked; going on"; continue }
    Remove-Gone
    if (-not $isWhole) {
        # What was in its way may be gone now.
        $ErrorActionPreference = 'Continue'
        & $tar --options hdrcharset=UTF-8 -xf $bundle -C $Target
        if ($LASTEXITCODE) { Miss "$name could not be unpacked whole; going on" }
        $ErrorActionPreference = 'Stop'
    }
    [IO.File]::Delete($manifest)
}

# At the end, as nothing can be changed that is read-only.
$letters = @{ r = 'ReadOnly'; h = 'Hidden'; s = 'System'; a = 'Archive'; i = 'NotContentIndexed'; t = 'Temporary' }
foreach ($key in @($kept.Keys | Sort-Object -Descending)) {
    $what, $place = $key -split '\|', 2
    try {
        if ($what -eq 'windows.created') {
            $created = ([datetime]'1970-01-01').AddSeconds([double]$kept[$key])
            if ([IO.Directory]::Exists($place)) { [IO.Directory]::SetCreationTimeUtc($place, $created) }
            elseif ([IO.File]::Exists($place)) { [IO.File]::SetCreationTimeUtc($place, $created) }
        } else {
            $flags = @($kept[$key].ToCharArray() | ForEach-Object { $letters["$_"] } | Where-Object { $_ })
            if ($flags) { (New-Object IO.FileInfo $place).Attributes = [IO.FileAttributes]($flags -join ',') }
        }
    } catch { Miss "its attributes cannot be set: $($place.Substring($root.Length + 1))" }
}
if ($script:Incomplete) { Say "snapshot $number is in $Target, but for what was named above"; exit 1 }
Write-Output "snapshot $number is in $Target"
