# scripts\windows-check.ps1: tries the program on a real Windows 10 or 11, where wine cannot say anything (R1 to R11 below), and
# prints a line for each: pass, FAIL, or what a person has to do and look at. Windows PowerShell 5.1 and later.
#
#   powershell -ExecutionPolicy Bypass -File windows-check.ps1 -Snap C:\path\snap.exe -Work C:\snap-check
#   ... -Stick E:            drives for R1, R6 and R7: sticks with NTFS, FAT32 or exFAT whose contents may be added to
#   ... -CloudFolder PATH    for R3: a folder in OneDrive in which some files are only in the cloud
#   ... -Only R2,R4          some of them
#
# It writes below -Work (a new folder) and, on each stick, into a new folder snap-check; nothing else is changed.
param(
    [Parameter(Mandatory = $true)][string]$Snap,
    [Parameter(Mandatory = $true)][string]$Work,
    [string[]]$Stick = @(),
    [string]$CloudFolder = '',
    [string[]]$Only = @()
)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$Snap = (Resolve-Path -LiteralPath $Snap).Path
$script:Failed = 0

function Report([string]$Name, [bool]$Good, [string]$What) {
    if ($Good) { Write-Host "$Name pass: $What" } else { Write-Host "$Name FAIL: $What" -ForegroundColor Red; $script:Failed++ }
}

function ByHand([string]$Name, [string]$What) { Write-Host "$Name BY HAND: $What" -ForegroundColor Yellow }

# Runs the program; gives its exit code and all it printed.
function Invoke-Snap([string[]]$Words) {
    $before = $ErrorActionPreference
    $ErrorActionPreference = 'Continue'
    $text = & $Snap @Words 2>&1 | Out-String
    $code = $LASTEXITCODE
    $ErrorActionPreference = $before
    [pscustomobject]@{ Code = $code; Text = $text }
}

function New-Place([string]$Name) {
    $path = Join-Path $Work $Name
    [void](New-Item -ItemType Directory -Force -Path $path)
    $path
}

# What can be seen of a tree: path, kind, size, time, attributes, hash.
function Get-Tree([string]$Top) {
    $start = (Get-Item -LiteralPath $Top -Force).FullName.Length
    Get-ChildItem -LiteralPath $Top -Recurse -Force | ForEach-Object {
        $isLink = [bool]($_.Attributes -band [IO.FileAttributes]::ReparsePoint)
        $hash = ''
        if (-not $_.PSIsContainer -and -not $isLink) { $hash = (Get-FileHash -LiteralPath $_.FullName).Hash }
        $flags = $_.Attributes -band ([IO.FileAttributes]'ReadOnly,Hidden,System,Directory,ReparsePoint')
        '{0}|{1}|{2}|{3}' -f $_.FullName.Substring($start), $flags, $_.LastWriteTimeUtc.Ticks, $hash
    } | Sort-Object
}

function Test-Same([string]$Name, [string]$Expected, [string]$Found, [string]$What) {
    $differences = @(Compare-Object @(Get-Tree $Expected) @(Get-Tree $Found))
    Report $Name ($differences.Count -eq 0) $What
    $differences | Select-Object -First 5 | ForEach-Object { Write-Host "    $($_.SideIndicator) $($_.InputObject)" }
}

# A small tree with what is ordinary on Windows.
function New-Tree([string]$Path) {
    [void](New-Item -ItemType Directory -Force -Path "$Path\docs\sub", "$Path\empty")
    Set-Content -LiteralPath "$Path\docs\a.txt" -Value 'one'
    Set-Content -LiteralPath "$Path\F$([char]0xFC)$([char]0xDF)e.txt" -Value 'feet'
    Set-Content -LiteralPath "$Path\$([char]0x65E5)$([char]0x672C).txt" -Value 'japan'
    [IO.File]::WriteAllBytes("$Path\docs\sub\b.bin", (New-Object byte[] 3000000))
    Set-Content -LiteralPath "$Path\hidden.txt" -Value 'h'
    Set-Content -LiteralPath "$Path\read-only.txt" -Value 'r'
    (Get-Item -LiteralPath "$Path\hidden.txt").Attributes = 'Hidden,System,Archive'
    (Get-Item -LiteralPath "$Path\read-only.txt").Attributes = 'ReadOnly,Archive'
    (Get-Item -LiteralPath "$Path\docs\a.txt").LastWriteTimeUtc = [datetime]'2001-02-03T04:05:06Z'
}

function R1 {
    $places = @(New-Place 'r1') + @($Stick | ForEach-Object { "$($_.TrimEnd('\'))\snap-check" })
    $tree = New-Place 'r1-tree'
    New-Tree $tree
    foreach ($place in $places) {
        [void](New-Item -ItemType Directory -Force -Path $place)
        $archive = Join-Path $place 'archive'
        $first = Invoke-Snap @('create', '--init', '-a', $archive, $tree)
        Report 'R1' ($first.Code -eq 0) "create on $place"
        Set-Content -LiteralPath "$tree\docs\new.txt" -Value 'new'
        Report 'R1' ((Invoke-Snap @('create', '-a', $archive)).Code -eq 0) "second create on $place"
        Report 'R1' ((Invoke-Snap @('verify', '--data', '-a', $archive)).Code -eq 0) "verify --data on $place"
        $back = Join-Path $Work ('r1-back-' + [guid]::NewGuid())
        Report 'R1' ((Invoke-Snap @('restore', '-a', $archive, '--to', $back)).Code -eq 0) "restore from $place"
        Test-Same 'R1' $tree (Join-Path $back 'r1-tree') "what was restored from $place equals what was saved"
        Remove-Item -LiteralPath "$tree\docs\new.txt"
    }
    ByHand 'R1' 'pull a stick out during "snap create" of some GB: exit code 1 or 4, and after plugging it in "snap verify" finds nothing'
}

function R2 {
    $tree = New-Place 'r2'
    [void](New-Item -ItemType Directory -Force -Path "$tree\real")
    Set-Content -LiteralPath "$tree\real\a.txt" -Value 'a'
    cmd /c mklink /J "$tree\junction" "$tree\real" | Out-Null
    cmd /c mklink /J "$tree\real\loop" "$tree" | Out-Null
    $mayLink = $true
    cmd /c mklink "$tree\link" 'real\a.txt' 2>&1 | Out-Null
    if ($LASTEXITCODE) { $mayLink = $false }
    $archive = Join-Path (New-Place 'r2-archive') 'a'
    $saved = Invoke-Snap @('create', '--init', '-a', $archive, $tree)
    Report 'R2' ($saved.Code -eq 0) 'a tree with a junction that leads in a circle is saved'
    $listed = (Invoke-Snap @('ls', '-R', '-a', $archive)).Text
    Report 'R2' (-not ($listed -match 'loop.real')) 'no junction was walked into'
    $back = Join-Path $Work 'r2-back'
    $restored = Invoke-Snap @('restore', '-a', $archive, '--to', $back)
    Report 'R2' ($restored.Code -eq 0) 'it is restored'
    $target = (Get-Item -LiteralPath "$back\r2\junction" -Force)
    Report 'R2' ($target.LinkType -eq 'Junction') 'the junction is a junction'
    if ($mayLink) {
        Report 'R2' ((Get-Item -LiteralPath "$back\r2\link" -Force).LinkType -eq 'SymbolicLink') 'the symlink is a symlink'
        ByHand 'R2' 'run again without developer mode, not as administrator: symlinks are told as not made, exit code 0'
    } else {
        ByHand 'R2' 'run again with developer mode on, or as administrator: symlinks are made'
    }
}

function R3 {
    if (-not $CloudFolder) { ByHand 'R3' 'name a folder in OneDrive with files that are only in the cloud: -CloudFolder'; return }
    $remote = { @(Get-ChildItem -LiteralPath $CloudFolder -Recurse -Force -File | Where-Object { [int]$_.Attributes -band 0x400000 }) }
    $before = @(& $remote).Count
    $archive = Join-Path (New-Place 'r3') 'a'
    $saved = Invoke-Snap @('create', '--init', '--json', '-a', $archive, $CloudFolder)
    Report 'R3' ($before -gt 0 -and $saved.Code -eq 0) "exit code 0 with $before files only in the cloud"
    Report 'R3' ($saved.Text -match ('"remote":\s*' + $before + '\b')) 'all of them are counted'
    Report 'R3' (@(& $remote).Count -eq $before) 'not one was fetched'
}

function R4 {
    $tree = New-Place 'r4'
    $file = "$tree\a.txt"
    Set-Content -LiteralPath $file -Value 'a'
    Set-Content -LiteralPath $file -Stream 'Zone.Identifier' -Value "[ZoneTransfer]`r`nZoneId=3"
    (Get-Item -LiteralPath $file).CreationTimeUtc = [datetime]'1999-01-02T03:04:05Z'
    Set-Content -LiteralPath "$tree\rights.txt" -Value 'r'
    icacls "$tree\rights.txt" /deny '*S-1-5-7:(R)' | Out-Null
    fsutil file createnew "$tree\sparse.bin" 1 | Out-Null
    fsutil sparse setflag "$tree\sparse.bin" | Out-Null
    $stream = [IO.File]::OpenWrite("$tree\sparse.bin")
    $stream.SetLength(1GB)
    [void]$stream.Seek(500MB, 'Begin')
    $stream.WriteByte(7)
    $stream.Close()
    Set-Content -LiteralPath "$tree\compressed.txt" -Value ('x' * 100000)
    compact /c "$tree\compressed.txt" | Out-Null
    $archive = Join-Path (New-Place 'r4-archive') 'a'
    Report 'R4' ((Invoke-Snap @('create', '--init', '-a', $archive, $tree)).Code -eq 0) 'saved'
    Report 'R4' ((Get-ChildItem -LiteralPath "$archive\bundles" | Measure-Object Length -Sum).Sum -lt 10MB) 'holes take no room'
    $back = Join-Path $Work 'r4-back'
    Report 'R4' ((Invoke-Snap @('restore', '-a', $archive, '--to', $back)).Code -eq 0) 'restored'
    $zone = Get-Content -LiteralPath "$back\r4\a.txt" -Stream 'Zone.Identifier' -ErrorAction SilentlyContinue
    Report 'R4' ("$zone" -match 'ZoneId=3') 'the stream is back'
    Report 'R4' ((Get-Item -LiteralPath "$back\r4\a.txt").CreationTimeUtc -eq [datetime]'1999-01-02T03:04:05Z') 'when it was made'
    Report 'R4' ((fsutil sparse queryflag "$back\r4\sparse.bin" | Out-String) -notmatch 'NOT') 'the sparse file is sparse'
    Report 'R4' ((Get-FileHash "$back\r4\sparse.bin").Hash -eq (Get-FileHash "$tree\sparse.bin").Hash) 'with the same content'
    $isAdministrator = ([Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()).IsInRole('Administrators')
    if ($isAdministrator) {
        $rights = { param($path) (Get-Acl -LiteralPath $path).Access | Where-Object { -not $_.IsInherited } | Out-String }
        Report 'R4' ((& $rights "$back\r4\rights.txt") -eq (& $rights "$tree\rights.txt")) 'its own rights are back'
    } else {
        ByHand 'R4' 'run again as administrator: access rights of a file of its own are restored'
    }
}

function R5 {
    $tree = New-Place 'r5'
    foreach ($folder in 1..200) {
        [void](New-Item -ItemType Directory -Force -Path "$tree\$folder")
        foreach ($file in 1..1000) { [IO.File]::WriteAllText("$tree\$folder\$file.txt", "$folder $file") }
    }
    $archive = Join-Path (New-Place 'r5-archive') 'a'
    Report 'R5' ((Invoke-Snap @('create', '--init', '-a', $archive, $tree)).Code -eq 0) '200,000 files are saved'
    [void](Invoke-Snap @('create', '-a', $archive))
    $took = Measure-Command { [void](Invoke-Snap @('create', '-a', $archive)) }
    Report 'R5' ($took.TotalSeconds -lt 3) ('a run without changes takes {0:N1} s (3 s on an SSD)' -f $took.TotalSeconds)
}

function R6 {
    $archive = Join-Path (New-Place 'r6') 'a'
    $tree = New-Place 'r6-tree'
    Set-Content -LiteralPath "$tree\a" -Value 'a'
    $inside = Invoke-Snap @('create', '--init', '-a', $archive, $tree)
    Report 'R6' ($inside.Text -notmatch 'safe to eject') "$Work is on a disk that is built in"
    if (-not $Stick) { ByHand 'R6' 'name a USB disk and a stick: -Stick E:,F:' }
    foreach ($drive in $Stick) {
        $on = Join-Path "$($drive.TrimEnd('\'))\snap-check" ('r6-' + [guid]::NewGuid())
        [void](New-Item -ItemType Directory -Force -Path (Split-Path $on))
        Report 'R6' ((Invoke-Snap @('create', '--init', '-a', $on, $tree)).Text -match 'safe to eject') "$drive may be unplugged"
    }
}

function R7 {
    if (-not $Stick) { ByHand 'R7' 'name a stick with a label: -Stick E:'; return }
    foreach ($drive in $Stick) {
        $label = (Get-Volume -DriveLetter $drive[0]).FileSystemLabel
        if ($label.Length -lt 2) { ByHand 'R7' "give $drive a label of two letters or more"; continue }
        $tree = New-Place 'r7-tree'
        Set-Content -LiteralPath "$tree\a" -Value 'a'
        [void](New-Item -ItemType Directory -Force -Path "$($drive.TrimEnd('\'))\snap-check")
        $archive = "snap-check\r7-$([guid]::NewGuid())"
        Report 'R7' ((Invoke-Snap @('create', '--init', '-a', "${label}:\$archive", $tree)).Code -eq 0) "$drive is found as ${label}:"
        Report 'R7' (Test-Path -LiteralPath "$($drive.TrimEnd('\'))\$archive\archive.toml") 'the archive is on it'
    }
    ByHand 'R7' 'give the stick another letter in the disk management: it is still found by its label'
}

function R8 {
    $tree = New-Place 'r8-tree'
    New-Tree $tree
    $archive = Join-Path (New-Place 'r8') 'a'
    $noise = New-Object byte[] 4000000
    (New-Object Random 1).NextBytes($noise)
    [IO.File]::WriteAllBytes("$tree\large.bin", $noise)
    [void](Invoke-Snap @('init', '--carry', '-a', $archive))
    [void](Invoke-Snap @('create', '-a', $archive, $tree))
    Set-Content -LiteralPath "$tree\docs\new.txt" -Value 'new'
    # The bundle has only what changed of one, and that the other is a copy.
    $noise[2000000] = $noise[2000000] -bxor 1
    Copy-Item -LiteralPath "$tree\large.bin" -Destination "$tree\copy.bin"
    [IO.File]::WriteAllBytes("$tree\large.bin", $noise)
    Remove-Item -LiteralPath "$tree\empty"
    Rename-Item -LiteralPath "$tree\docs\sub" -NewName 'moved'
    [void](Invoke-Snap @('create', '-a', $archive))
    $back = Join-Path $Work 'r8-program'
    cmd /c "$archive\RECOVER.cmd" $back | Out-Null
    Test-Same 'R8' $tree (Join-Path $back 'r8-tree') 'RECOVER.cmd with the program beside the archive'
    Remove-Item -LiteralPath "$archive\programs" -Recurse
    $back = Join-Path $Work 'r8-script'
    powershell -NoProfile -ExecutionPolicy Bypass -File "$archive\recover.ps1" $back | Out-Host
    $code = $LASTEXITCODE
    if ($code -eq 2) { ByHand 'R8' 'the tar of this Windows has no zstd, which recover.ps1 said; try it on Windows 11'; return }
    if (Get-Command 'zstd.exe' -CommandType Application -ErrorAction SilentlyContinue) {
        Test-Same 'R8' $tree (Join-Path $back 'r8-tree') 'recover.ps1 with the tar of this Windows and zstd.exe'
        return
    }
    Report 'R8' ($code -eq 1) 'recover.ps1 named large.bin, of which only what changed is stored, and ended with exit code 1'
    foreach ($path in $tree, (Join-Path $back 'r8-tree')) { Remove-Item -LiteralPath "$path\large.bin" }
    Test-Same 'R8' $tree (Join-Path $back 'r8-tree') 'recover.ps1 with the tar of this Windows, but for large.bin'
    ByHand 'R8' 'run again with zstd.exe in PATH: large.bin is made, too'
}

function R9 { ByHand 'R9' 'set the sleep timer to 1 minute and save some GB that take 5: the run ends, and the computer sleeps afterwards' }

function R10 { ByHand 'R10' 'close the window in the middle of "snap create": "snap verify" finds nothing, the next run goes on' }

function R11 {
    $tree = New-Place 'r11'
    Set-Content -LiteralPath "$tree\held.txt" -Value 'held'
    $held = [IO.File]::Open("$tree\held.txt", 'Open', 'ReadWrite', 'None')
    try {
        $archive = Join-Path (New-Place 'r11-archive') 'a'
        $saved = Invoke-Snap @('create', '--init', '-a', $archive, $tree)
        Report 'R11' ($saved.Code -eq 3 -and $saved.Text -match 'another program has it open') 'a file that is held is told'
    } finally { $held.Close() }
}

if (-not (Test-Path -LiteralPath $Work)) { [void](New-Item -ItemType Directory -Path $Work) }
elseif (Get-ChildItem -LiteralPath $Work -Force) { throw "$Work is not empty" }
$Work = (Resolve-Path -LiteralPath $Work).Path
Write-Host ("{0}, {1}, {2}" -f (Get-CimInstance Win32_OperatingSystem).Caption, [Environment]::OSVersion.Version, (& $Snap --version))
$all = 'R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R8', 'R9', 'R10', 'R11'
foreach ($check in $all | Where-Object { -not $Only -or $Only -contains $_ }) {
    try { & $check } catch { Report $check $false "$_" }
}
if ($script:Failed) { Write-Host "$script:Failed failed"; exit 1 }
Write-Host 'none failed'
