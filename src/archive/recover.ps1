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

# Bundles that were joined into a later one, which stands in its place already, are passed over.
$halfWay = Join-Path $PSScriptRoot 'pruned'
$joins = @{}
if ([IO.Directory]::Exists($halfWay)) {
    foreach ($file in [IO.Directory]::GetFiles($halfWay)) {
        if ([IO.Path]::GetFileName($file) -cmatch '^(\d{6}-\d{8}T\d{6}Z\.tar\.zst)\.joins-(\d{6})$') {
            if (-not [IO.File]::Exists((Join-Path $halfWay "$($Matches[1]).new"))) { $joins[$Matches[1]] = [int]$Matches[2] }
        }
    }
}
function Test-Joined([string]$Name) {
    $own = [int]$Name.Substring(0, 6)
    foreach ($into in $joins.Keys) {
        if ($Name -cne $into -and $own -ge $joins[$into] -and $own -le [int]$into.Substring(0, 6)) { return $true }
    }
    $false
}

# All names are looked at before anything is unpacked.
$bundles = New-Object 'Collections.Generic.List[string]'
foreach ($file in [IO.Directory]::GetFiles((Join-Path $PSScriptRoot 'bundles'), '*.tar.zst')) {
    $name = [IO.Path]::GetFileName($file)
    if ($name -cmatch '^\d{6}-\d{8}T\d{6}Z(\.\d{4})?\.tar\.zst$') { if (-not (Test-Joined $name)) { $bundles.Add($name) } }
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
    }
    $moment = $time
    $part++
    if ($name -match 'Z\.(\d{4})\.' -and [int]$Matches[1] -ne $part) {
        Miss "part $part of $number-$moment is missing, and what was saved in it"
        $part = [int]$Matches[1]
    }
    $wanted.Add($name)
}
if ($Snapshot -and $number -ne $Snapshot) { Stop-Here "there is no snapshot $Snapshot (if there ever was, it was forgotten, and is pruned)" }
if (-not $wanted.Count) { Stop-Here 'there are no snapshots' }

# What was forgotten is not given out. The newest is never forgotten.
$last = 0
foreach ($name in $bundles) { if ($name -cnotmatch 'Z\.\d{4}\.') { $last = [int]$name.Substring(0, 6) } }
$isOld = $Snapshot -and $Snapshot -lt $last
$marks = Join-Path $PSScriptRoot 'marks.txt'
if ($isOld -and [IO.File]::Exists($marks) -and ([IO.File]::ReadAllLines($marks) -ccontains ('{0:d6} forgotten' -f $Snapshot))) {
    Stop-Here "snapshot $Snapshot was forgotten (as long as it is not pruned, snap forget --undo $Snapshot takes that back)"
}
if ([IO.Directory]::Exists($halfWay)) {
    foreach ($file in [IO.Directory]::GetFiles($halfWay, '*.tar.zst.new')) {
        $name = [IO.Path]::GetFileName($file) -replace '\.new$', ''
        if (-not [IO.File]::Exists((Join-Path $PSScriptRoot "bundles\$name"))) {
            Stop-Here "a bundle was cut off half-way to its place: move $file to bundles\$name, and run this again"
        }
    }
}
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

# What is set at the end, since nothing can be changed that is read-only: by name, the facts of a file (time of change, attributes,
# time of making), or a table of what is in a folder, with its own facts under no name. What moves takes them along.
$kept = @{}

# The table of the folder that a path is in, and its name there; nothing if there is none, and it is not to be made.
function Find-Kept([string]$Path, [bool]$Make) {
    $at = $kept
    $names = $Path.Split('/')
    for ($depth = 0; $depth -lt $names.Length - 1; $depth++) {
        $below = $at[$names[$depth]]
        if ($below -isnot [hashtable]) {
            if (-not $Make) { return }
            $facts = $below
            $below = @{}
            if ($facts) { $below[''] = $facts }
            $at[$names[$depth]] = $below
        }
        $at = $below
    }
    $at
    $names[-1]
}

# The facts of a path are these and no others; nothing: there are none.
function Set-Kept([string]$Path, $Facts) {
    $table, $name = Find-Kept $Path ([bool]$Facts)
    if ($null -eq $table) { return }
    if ($table[$name] -is [hashtable]) { $table = $table[$name]; $name = '' }
    if ($Facts) { $table[$name] = $Facts } else { $table.Remove($name) }
}

function Move-Kept([string]$From, [string]$To) {
    $table, $name = Find-Kept $From $false
    if ($null -eq $table -or -not $table.ContainsKey($name)) { return }
    $what = $table[$name]
    $table.Remove($name)
    $table, $name = Find-Kept $To $true
    $table[$name] = $what
}

# What has moved is moved, in the order of the list; what then still stands aside is gone.
function Move-Place([string]$From, [string]$To) {
    [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($To))
    if ([IO.Directory]::Exists($From)) { [IO.Directory]::Move($From, $To) } else { [IO.File]::Move($From, $To) }
}

function Remove-Aside {
    foreach ($top in [IO.Directory]::GetDirectories($root)) {
        foreach ($aside in [IO.Directory]::GetFileSystemEntries($top, '.snap-move-*')) {
            if ([IO.Directory]::Exists($aside)) {
                foreach ($file in [IO.Directory]::GetFiles($aside, '*', 'AllDirectories')) { (New-Object IO.FileInfo $file).Attributes = 'Normal' }
                [IO.Directory]::Delete($aside, $true)
            } else { Remove-Place $aside }
        }
    }
}

# Brings what is there to where the bundle begins: what has moved is moved, what is gone is removed, the deepest first.
function Begin-Bundle {
    $gone = New-Object 'Collections.Generic.List[string]'
    $hasMoved = $false
    foreach ($line in [IO.File]::ReadLines($manifest)) {
        if (-not $line.StartsWith('{"moved":') -and -not $line.Contains(',"gone":')) { continue }
        $change = ConvertFrom-Json $line
        if ($change.PSObject.Properties['moved']) {
            $hasMoved = $true
            try {
                Move-Place (Get-Place $change.moved) (Get-Place $change.to)
                Move-Kept $change.moved $change.to
            } catch { Miss "cannot be moved: $($change.moved) to $($change.to)" }
        } elseif (Get-Place $change.path) {
            $gone.Add((Get-Place $change.path))
            Set-Kept $change.path $null
        }
    }
    if ($hasMoved) { Remove-Aside }
    for ($at = $gone.Count - 1; $at -ge 0; $at--) {
        try { Remove-Place $gone[$at] } catch { Miss "cannot be removed: $($gone[$at].Substring($root.Length + 1))" }
    }
}

# Keeps what the list says of times and attributes for the end, and which files have the content of another one.
function Read-Facts {
    foreach ($line in [IO.File]::ReadLines($manifest)) {
        if (-not $line.StartsWith('{"path":') -or $line.Contains(',"gone":')) { continue }
        $change = ConvertFrom-Json $line
        $place = Get-Place $change.path
        if (-not $place) { Miss "Windows cannot have this name, or not as it is: $(ConvertTo-Json $change.path -Compress)"; continue }
        $copied = $change.PSObject.Properties['copy']
        if ($copied -and -not $change.PSObject.Properties['link']) { $copies.Add(@($place, (Get-Place $change.copy))) }
        $modified = $null
        $attributes = $null
        $made = $null
        # Of what is not in the bundle, and of folders, whose time changes with what is put into them.
        $isElsewhere = $change.PSObject.Properties['in'] -or $copied
        if ($isElsewhere -or $change.type -eq 'dir') { $modified = $change.mtime }
        foreach ($pair in @($change.xattrs | Where-Object { $_ })) {
            if ($pair[0] -eq 'windows.attributes') { $attributes = $pair[1] }
            if ($pair[0] -eq 'windows.created') { $made = $pair[1] }
        }
        # Other systems say by the mode whether a file may be written, as tar does of what is in the bundle.
        if ($isElsewhere -and -not $attributes) { $attributes = if ($change.mode -match '[0145]..$') { 'r' } else { '-' } }
        if ($modified -or $attributes -or $made) { Set-Kept $change.path @($modified, $attributes, $made) } else { Set-Kept $change.path $null }
    }
}

# What tar made a second name of another file, for both have the same content, becomes a file of its own.
function Split-Copy([string]$Place, [string]$From) {
    $new = "$root\.snap-copy"
    [IO.File]::Copy($From, $new, $true)
    (New-Object IO.FileInfo $new).Attributes = 'Normal'
    # Names of one file have their attributes in common.
    $before = (New-Object IO.FileInfo $From).Attributes
    Remove-Place $Place
    if ($before -band [IO.FileAttributes]::ReadOnly) { (New-Object IO.FileInfo $From).Attributes = $before }
    [IO.File]::Move($new, $Place)
}

# Runs tar in the target; whether it had nothing to say.
function Invoke-Tar([string[]]$Words) {
    $ErrorActionPreference = 'Continue'
    & $tar --options hdrcharset=UTF-8 -C $Target @Words | Out-Host
    $LASTEXITCODE -eq 0
}

$done = 0
foreach ($name in $wanted) {
    Write-Output "unpacking $name"
    $bundle = Join-Path $PSScriptRoot "bundles\$name"
    $copies = New-Object 'Collections.Generic.List[object]'
    # Its list of changes first: it is read twice for that.
    if ((Invoke-Tar '-xf', $bundle, '.snap-manifest.jsonl') -and [IO.File]::Exists($manifest)) { Begin-Bundle; Read-Facts }
    else { Miss "$name has no list of changes that can be read; what was deleted or moved in it is not" }
    # Its first line says up to which snapshot contents were taken out, and from which number on bundles were joined into it.
    $own = [int]$name.Substring(0, 6)
    $from = $own
    if ([IO.File]::Exists($manifest)) {
        $reader = New-Object IO.StreamReader $manifest
        $first = $reader.ReadLine()
        $reader.Close()
        if ($first -cmatch '"joined_from":(\d+)') { $from = [int]$Matches[1] }
        elseif ($joins.ContainsKey($name)) { Stop-Here "$name should have others joined into it, and has not: move what is in $halfWay away, and begin anew" }
        if ($from -ne $own -and $from -le $done) { Stop-Here "bundle $done was joined into $name, and is there all the same: move it away, and begin anew" }
        if ($isOld -and $first -cmatch '"pruned_until":(\d+)' -and [int]$Matches[1] -ge $Snapshot) {
            Stop-Here "snapshot $Snapshot was forgotten, and is pruned: what only it held is no longer there. What is in $Target is not whole"
        }
    }
    if ($from -gt $done + 1) { Miss "the bundles between $done and $from are missing, and what was saved in them" }
    $done = $own
    if (-not (Invoke-Tar '-xf', $bundle)) { Miss "$name could not be unpacked whole; going on" }
    [IO.File]::Delete($manifest)
    foreach ($copy in $copies) {
        try { Split-Copy $copy[0] $copy[1] } catch { Miss "has the content of another file, and cannot be made: $($copy[0].Substring($root.Length + 1))" }
    }
    # What tar alone cannot do is done by a script for sh. Of metadata, all that Windows keeps is done here.
    $apply = "$root\.snap-apply"
    if ([IO.Directory]::Exists($apply)) {
        if ([IO.Directory]::GetFiles($apply) | Where-Object { $_ -notmatch '\\(metadata-\d+\.tar|copies)$' }) {
            Miss "$name has changes of large files that only snap or recover.sh can bring back"
        }
        [IO.Directory]::Delete($apply, $true)
    }
    [IO.File]::Delete("$root\.snap-apply.sh")
}

# A moment as archives have it: seconds since 1970 with any fraction.
function Get-Moment([string]$Seconds) {
    ([datetime]::new(1970, 1, 1, 0, 0, 0, 'Utc')).AddTicks([long]([decimal]::Parse($Seconds, [Globalization.CultureInfo]::InvariantCulture) * 10000000))
}

$letters = @{ r = 'ReadOnly'; h = 'Hidden'; s = 'System'; a = 'Archive'; i = 'NotContentIndexed'; t = 'Temporary' }
function Set-Facts([string]$Place, $Facts) {
    $isFolder = [IO.Directory]::Exists($Place)
    if (-not $isFolder -and -not [IO.File]::Exists($Place)) { return }
    try {
        $item = if ($isFolder) { New-Object IO.DirectoryInfo $Place } else { New-Object IO.FileInfo $Place }
        $before = $item.Attributes
        if ($before -band [IO.FileAttributes]::ReadOnly) { $item.Attributes = 'Normal' }
        if ($Facts[2]) { $item.CreationTimeUtc = Get-Moment $Facts[2] }
        if ($Facts[0]) { $item.LastWriteTimeUtc = Get-Moment $Facts[0] }
        $flags = @("$($Facts[1])".ToCharArray() | ForEach-Object { $letters["$_"] } | Where-Object { $_ })
        if ($flags) { $item.Attributes = [IO.FileAttributes]($flags -join ',') }
        elseif ($Facts[1]) { $item.Attributes = 'Normal' }
        elseif ($before -band [IO.FileAttributes]::ReadOnly) { $item.Attributes = $before }
    } catch { Miss "its time or attributes cannot be set: $($Place.Substring($root.Length + 1))" }
}

# What is in a folder before the folder.
function Set-AllFacts([string]$Folder, $Table) {
    foreach ($name in @($Table.Keys)) {
        if ($name -eq '') { continue }
        if ($Table[$name] -is [hashtable]) { Set-AllFacts "$Folder\$name" $Table[$name] } else { Set-Facts "$Folder\$name" $Table[$name] }
    }
    if ($Table.ContainsKey('')) { Set-Facts $Folder $Table[''] }
}

Set-AllFacts $root $kept
if ($script:Incomplete) { Say "snapshot $number is in $Target, but for what was named above"; exit 1 }
Write-Output "snapshot $number is in $Target"
