# Gets a snapshot back from this archive with nothing but Windows: PowerShell, and a tar that knows zstd (Windows 11 has it).
#   powershell -ExecutionPolicy Bypass -File recover.ps1 TARGET             the newest snapshot
#   powershell -ExecutionPolicy Bypass -File recover.ps1 TARGET SNAPSHOT    the snapshot with this number
# TARGET is a new or an empty folder. Exit code 0: all is there. 1: not all could be unpacked; what, was said. 2: it cannot be
# done here, or the command line makes no sense.
# Of some large files a bundle has only what changed: these take zstd.exe 1.4.5 or later, beside this file, in the folder
# programs or in PATH. Access rights, alternate streams and links that need rights of their own are for snap itself.
param([string]$Target = '', [int]$Snapshot = 0)
$ErrorActionPreference = 'Stop'
$script:Incomplete = $false
$script:HasMore = $false
$script:NeedsZstd = $false

# How many files are named of those with which one thing is wrong.
$NamedMax = 20
$named = @{}

# What names of files may bring along does nothing to the console.
function Say([string]$What) { [Console]::Error.WriteLine("recover.ps1: $($What -replace '[\x00-\x1f\x7f]', '?')") }
function Stop-Here([string]$What) { Say $What; exit 2 }
function Miss([string]$What) { Say $What; $script:Incomplete = $true }

# The same of a file, as often as that is of use.
function Miss-File([string]$What, [string]$File) {
    $named[$What] = [int]$named[$What] + 1
    if ($named[$What] -le $NamedMax) { Say "${What}: $File" }
    $script:Incomplete = $true
}

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
$notWindows = '[\x00-\x1f\\:*?"<>|]|(^|/)\.{0,2}(/|$)|[. ](/|$)|(^|/)(con|prn|aux|nul|com\d|lpt\d)(/|$)'
function Get-Place($Path) {
    if ($Path -isnot [string] -or $Path -match $notWindows) { return $null }
    "$root\$($Path -replace '/', '\')"
}

# A path of a list of changes in one form: what is not text has % for bytes there.
function Get-Key($Path) { if ($Path -is [string]) { $Path.Replace('%', '%25') } else { "$($Path.escaped)" } }
function Get-Shown([string]$Key) { $Key.Replace('%25', '%') }
function Get-Below([string]$Place) { $Place.Substring($root.Length + 1) }

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

# What is not as the list of changes says, and nothing has replaced yet: by path, the hash of what should be there, and why it is
# not, a key of $reasons. What is copied or made from such a file is not right either.
$wrong = New-Object 'Collections.Generic.Dictionary[string,object]' ([StringComparer]::Ordinal)
$reasons = @{
    lost = 'lost when the archive was damaged (what is here under such a name, if anything, is older)'
    undone = 'not made as the snapshot has it (what is here under such a name, if anything, is older)'
    name = 'Windows cannot have this name, or not as it is'
    case = 'only one can be here of names that differ in small and capital letters alone'
}

function Set-Wrong([string]$Key, $Hash, [string]$Reason) { $wrong[$Key] = @($Hash, $Reason) }

function Move-Wrong([string]$From, [string]$To) {
    foreach ($key in @($wrong.Keys)) {
        if ($key -cne $From -and -not $key.StartsWith("$From/", 'Ordinal')) { continue }
        $what = $wrong[$key]
        [void]$wrong.Remove($key)
        # Where it has a name that can be, it still is not there.
        $wrong["$To$($key.Substring($From.Length))"] = @($what[0], $(if ($what[1] -eq 'lost') { 'lost' } else { 'undone' }))
    }
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

# A line of the list of changes. What can be long in it, and is of no use here, is more than some PowerShells read.
function Read-Change([string]$Line) { ConvertFrom-Json ($Line -creplace '"(pieces|holes)":\[[0-9,\[\]]*\]', '"$1":[]') }

# Brings what is there to where the bundle begins: what has moved is moved, what is gone is removed, the deepest first.
function Begin-Bundle {
    $gone = New-Object 'Collections.Generic.List[string]'
    $hasMoved = $false
    foreach ($line in [IO.File]::ReadLines($manifest)) {
        if (-not $line.StartsWith('{"moved":') -and -not $line.Contains(',"gone":')) { continue }
        $change = Read-Change $line
        if ($change.PSObject.Properties['moved']) {
            $hasMoved = $true
            Begin-Move $change
        } elseif ($change.gone) {
            [void]$wrong.Remove((Get-Key $change.path))
            if (-not (Get-Place $change.path)) { continue }
            $gone.Add((Get-Place $change.path))
            Set-Kept $change.path $null
        }
    }
    if ($hasMoved) { Remove-Aside }
    for ($at = $gone.Count - 1; $at -ge 0; $at--) {
        try { Remove-Place $gone[$at] } catch { Miss-File 'cannot be removed' (Get-Below $gone[$at]) }
    }
}

function Begin-Move($Change) {
    $from = Get-Key $Change.moved
    $to = Get-Key $Change.to
    if ($wrong.Count) { Move-Wrong $from $to }
    try {
        Move-Place (Get-Place $Change.moved) (Get-Place $Change.to)
        Move-Kept $Change.moved $Change.to
    } catch {
        # What is noted as lost may never have been there.
        if (-not $wrong.ContainsKey($to)) { Miss-File 'cannot be moved' "$(Get-Shown $from) to $(Get-Shown $to)" }
    }
}

# Keeps what the list says of times and attributes for the end, which files have the content of another one or are made from what
# they were, and what is not right.
function Read-Facts {
    $before = New-Object 'Collections.Generic.Dictionary[string,object]' $wrong, ([StringComparer]::Ordinal)
    $seen = New-Object 'Collections.Generic.HashSet[string]' ([StringComparer]::OrdinalIgnoreCase)
    foreach ($line in [IO.File]::ReadLines($manifest)) {
        if (-not $line.StartsWith('{"path":') -or $line.Contains(',"gone":')) { continue }
        $change = Read-Change $line
        $key = Get-Key $change.path
        $place = Get-Place $change.path
        $reason = Get-Reason $change $key $place $before
        if (-not $reason -and $change.type -ne 'dir' -and (-not $seen.Add($place) -or (Test-OtherCase $place))) { $reason = 'case' }
        if ($reason) { Set-Wrong $key $change.hash $reason } else { [void]$wrong.Remove($key) }
        if (-not $place) { continue }
        if ($change.copy -and $null -eq $change.link) { $copies.Add(@($key, $change.hash, $place, (Get-Place $change.copy))) }
        if ($change.patch -and -not $reason) { $patched.Add(@($key, $change.hash, $place)) }
        Read-Kept $change
    }
}

# Why a file cannot be as its line says: a key of $reasons, or nothing.
function Get-Reason($Change, [string]$Key, $Place, $Before) {
    if (-not $Place) { return 'name' }
    if ("$($Change.offset)" -eq '0') { return 'lost' }
    $from = $null
    if ($Change.patch -and $Before.ContainsKey($Key)) { $from = $Before[$Key] }
    elseif ($Change.in) {
        $of = if ($Change.copy) { Get-Key $Change.copy } else { $Key }
        if ($Before.ContainsKey($of) -and $Before[$of][0] -eq $Change.hash) { $from = $Before[$of] }
    }
    if ($from) { if ($from[1] -eq 'lost') { 'lost' } else { 'undone' } }
}

# Whether there is a file whose name differs from this one in small and capital letters alone.
function Test-OtherCase([string]$Place) {
    $folder = [IO.Path]::GetDirectoryName($Place)
    if (-not $done -or -not [IO.Directory]::Exists($folder)) { return $false }
    $name = [IO.Path]::GetFileName($Place)
    foreach ($found in [IO.Directory]::GetFiles($folder, $name)) {
        $other = [IO.Path]::GetFileName($found)
        if ($other -eq $name -and $other -cne $name) { return $true }
    }
    $false
}

function Read-Kept($Change) {
    $modified = $null
    $attributes = $null
    $made = $null
    # Of what is not in the bundle as it is, and of folders, whose time changes with what is put into them.
    $isElsewhere = $Change.in -or $Change.copy -or $Change.patch
    if ($isElsewhere -or $Change.type -eq 'dir') { $modified = $Change.mtime }
    foreach ($pair in @($Change.xattrs | Where-Object { $_ })) {
        if ($pair[0] -eq 'windows.attributes') { $attributes = $pair[1] }
        if ($pair[0] -eq 'windows.created') { $made = $pair[1] }
        if ("$($pair[0])" -match '^windows\.(stream|ea|security)') { $script:HasMore = $true }
    }
    # Other systems say by the mode whether a file may be written, as tar does of what is in the bundle.
    if ($isElsewhere -and -not $attributes) { $attributes = if ($Change.mode -match '[0145]..$') { 'r' } else { '-' } }
    if ($modified -or $attributes -or $made) { Set-Kept $Change.path @($modified, $attributes, $made) } else { Set-Kept $Change.path $null }
}

# What tar made a second name of another file, for both have the same content, becomes a file of its own.
function Split-Copy([string]$Place, $From) {
    $new = "$root\.snap-copy"
    # Names of one file have their attributes in common.
    $before = (New-Object IO.FileInfo $Place).Attributes
    [IO.File]::Copy($Place, $new, $true)
    (New-Object IO.FileInfo $new).Attributes = 'Normal'
    Remove-Place $Place
    if ($From -and $before -band [IO.FileAttributes]::ReadOnly) { (New-Object IO.FileInfo $From).Attributes = $before }
    [IO.File]::Move($new, $Place)
}

# The program that makes what a bundle has only the changes of.
function Find-Zstd {
    foreach ($folder in $PSScriptRoot, (Join-Path $PSScriptRoot 'programs')) {
        $there = Join-Path $folder 'zstd.exe'
        if ([IO.File]::Exists($there)) { return $there }
    }
    $found = Get-Command 'zstd.exe' -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if ($found) { $found.Path }
}

$buffer = New-Object byte[] 1048576
# Adds what stands in one open file, from a place on, to another one.
function Add-Bytes($To, $From, [long]$Start, [long]$Count) {
    $From.Position = $Start
    while ($Count -gt 0) {
        $read = $From.Read($buffer, 0, [int][Math]::Min($Count, [long]$buffer.Length))
        if ($read -le 0) { throw 'a file is shorter than it was' }
        $To.Write($buffer, 0, $read)
        $Count -= $read
    }
}

function Save-Bytes([string]$Name, $From, [long]$Start, [long]$Count) {
    $to = [IO.File]::Create("$apply\$Name")
    try { Add-Bytes $to $From $Start $Count } finally { $to.Close() }
}

# Unpacks the piece whose data was saved, made from what was saved beside it if that is so. zstd gets short and plain names.
function Expand-Piece([bool]$HasBase) {
    $ErrorActionPreference = 'Continue'
    if (-not $zstd) { throw 'there is no zstd' }
    $words = @('-q', '-d', '-f', '-o', 'made', 'piece.zst')
    if ($HasBase) { $words += '--patch-from=base' }
    Push-Location -LiteralPath (Join-Path $Target '.snap-apply')
    try { & $zstd @words | Out-Host } finally { Pop-Location }
    if ($LASTEXITCODE -ne 0) { throw 'zstd cannot unpack it' }
}

# Makes the new content of a file from what it is, piece after piece: the list has how long each is, from where, and how much of it
# and of the data that takes.
function Build-Content([string]$Key, $Old, $Data, $New) {
    $lines = [IO.File]::ReadAllLines("$apply\$Key.list")
    $at = 0
    for ($number = 1; $number -lt $lines.Length; $number++) {
        $bytes, $from, $base, $stored = @($lines[$number].Split(' ') | ForEach-Object { [long]$_ })
        if ($stored -eq 0) { Add-Bytes $New $Old $from $bytes; continue }
        Save-Bytes 'piece.zst' $Data $at $stored
        $at += $stored
        if ($base -gt 0) { Save-Bytes 'base' $Old $from $base }
        Expand-Piece ($base -gt 0)
        $made = [IO.File]::OpenRead("$apply\made")
        try { Add-Bytes $New $made 0 $made.Length } finally { $made.Close() }
    }
    if ($New.Length -ne [long]$lines[0]) { throw 'it has another length than it should' }
}

function Build-File([string]$Key, [string]$Place) {
    $files = New-Object 'Collections.Generic.List[object]'
    try {
        $files.Add([IO.File]::OpenRead($Place))
        $files.Add([IO.File]::OpenRead("$apply\$Key.patch"))
        $files.Add([IO.File]::Create("$apply\new"))
        Build-Content $Key $files[0] $files[1] $files[2]
    } finally { foreach ($file in $files) { $file.Close() } }
    Remove-Place $Place
    [IO.File]::Move("$apply\new", $Place)
}

# The keys of the changes in the bundle, by path.
function Read-Patches {
    $keys = New-Object 'Collections.Generic.Dictionary[string,object]' ([StringComparer]::Ordinal)
    if (-not [IO.File]::Exists("$apply\patches")) { return $keys }
    $words = [IO.File]::ReadAllText("$apply\patches").Split([char]0)
    for ($at = 0; $at + 1 -lt $words.Length; $at += 2) {
        if ($words[$at] -cmatch '^[0-9a-f]{32}$') { $keys[$words[$at + 1].Substring(2)] = $words[$at] }
    }
    $keys
}

# What the bundle's script does for sh: files of their own, and files of which it has only what changed. Times and attributes,
# its third part, are set at the end with all others.
function Finish-Bundle {
    foreach ($copy in $copies) {
        try { Split-Copy $copy[2] $copy[3] } catch {
            if (-not $wrong.ContainsKey($copy[0])) { Set-Wrong $copy[0] $copy[1] 'undone' }
        }
    }
    $keys = Read-Patches
    foreach ($change in $patched) {
        $path = Get-Shown $change[0]
        try {
            if (-not $keys.ContainsKey($path)) { throw 'the bundle does not have its changes' }
            Build-File $keys[$path] $change[2]
        } catch {
            Set-Wrong $change[0] $change[1] 'undone'
            if (-not $zstd) { $script:NeedsZstd = $true }
        }
    }
    if ([IO.Directory]::Exists($apply)) { [IO.Directory]::Delete($apply, $true) }
    [IO.File]::Delete("$root\.snap-apply.sh")
}

# Runs tar in the target; whether it had nothing to say.
function Invoke-Tar([string[]]$Words) {
    $ErrorActionPreference = 'Continue'
    & $tar --options hdrcharset=UTF-8 -C $Target @Words | Out-Host
    $LASTEXITCODE -eq 0
}

$apply = "$root\.snap-apply"
$zstd = Find-Zstd
$done = 0
foreach ($name in $wanted) {
    Write-Output "unpacking $name"
    $bundle = Join-Path $PSScriptRoot "bundles\$name"
    $copies = New-Object 'Collections.Generic.List[object]'
    $patched = New-Object 'Collections.Generic.List[object]'
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
    Finish-Bundle
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
    } catch { Miss-File 'its time or attributes cannot be set' (Get-Below $Place) }
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
foreach ($key in @($wrong.Keys)) { Miss-File $reasons[$wrong[$key][1]] (Get-Shown $key) }
foreach ($what in @($named.Keys)) { if ($named[$what] -gt $NamedMax) { Say "${what}: and $($named[$what] - $NamedMax) more" } }

if ($script:HasMore) { Say 'rights of files of their own, alternate streams and the like are not brought back by this script; snap does that' }
if ($script:Incomplete) {
    Say "snapshot $number is in $Target, but for what was named above"
    # It finds the archive in which it is.
    $program = 'programs\snap-windows-x86_64.exe restore'
    if (-not [IO.File]::Exists((Join-Path $PSScriptRoot 'programs\snap-windows-x86_64.exe'))) { $program = 'snap.exe restore -a .' }
    Say "what is not lost, snap brings back: go to $PSScriptRoot, and run: $program --at $number --to NEW_FOLDER"
    if ($script:NeedsZstd) { Say 'or put zstd.exe, 1.4.5 or later, beside this script, and run it again with another folder' }
    exit 1
}
Write-Output "snapshot $number is in $Target"
