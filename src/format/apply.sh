#!/bin/sh
# Does what tar alone cannot: run it after tar has unpacked a bundle, before the next one. It removes itself.
set -u
case $0 in */*) cd -- "${0%/*}" || exit 1 ;; esac
unset TAR_OPTIONS
at=.snap-apply failed=''
say() {
    printf '.snap-apply.sh: %s\n' "$1" >&2
    failed=yes
}

gnu_tar='' gnu_cp=''
for program in tar gtar; do
    case $("$program" --version 2>/dev/null) in *'GNU tar'*) gnu_tar=${gnu_tar:-$program} ;; esac
done
for program in cp gcp; do
    case $("$program" --help 2>/dev/null) in *--attributes-only*) gnu_cp=${gnu_cp:-$program} ;; esac
done

# Names of files without NUL in them, each with a NUL behind: none of them is ever read as shell. The arguments are the name
# of a list and a command.
each() {
    list=$1
    shift
    [ ! -s "$list" ] || xargs -0 "$@" <"$list"
}

# Makes a file of its own of each that has the content of another one, and is only a second name of that to tar.
copy='
at=.snap-apply failed=""
for file; do
    if [ ! -f "$file" ] || [ -L "$file" ]; then
        failed=yes
    else
        cp -p -- "$file" "$at/new" && mv -f -- "$at/new" "$file" || failed=yes
    fi
done
[ -z "$failed" ]'
each "$at/copies" sh -c "$copy" sh ||
    say 'not all files that have the content of another one could be made files of their own'

# Makes a file of which only what changed stands in the bundle from what it was. The arguments are what the names of its pieces
# begin with, and the file.
patch='
at=.snap-apply key=$1 file=$2 size="" skip=0
give_up() {
    printf ".snap-apply.sh: cannot be made from what it was, and is left as it is: %s\n" "$file" >&2
    exit 1
}
[ -f "$file" ] && [ ! -L "$file" ] || give_up
{
    read -r size
    while read -r bytes from base stored; do
        if [ "$stored" = 0 ]; then
            tail -c +$((from + 1)) "$file" | head -c "$bytes"
            continue
        fi
        tail -c +$((skip + 1)) "$at/$key.patch" | head -c "$stored" >"$at/piece.zst"
        skip=$((skip + stored))
        if [ "$base" = 0 ]; then
            zstd -qdc "$at/piece.zst" || give_up
        else
            tail -c +$((from + 1)) "$file" | head -c "$base" >"$at/base"
            zstd -qdc --patch-from="$at/base" "$at/piece.zst" || give_up
        fi
    done
} <"$at/$key.list" >"$at/new"
[ "$(($(wc -c <"$at/new")))" = "$size" ] && mv -f -- "$at/new" "$file" || give_up'
each "$at/patches" -n 2 sh -c "$patch" sh ||
    say 'not all large files of which only what changed is stored could be made: such a file is as it was before'

# Files whose content is as it was and whose metadata is not: tars of empty files that have it.
metadata() {
    mkdir "$at/stage" || return 1
    (umask 0 && "$gnu_tar" --warning=no-timestamp -xpf "$1" -C "$at/stage") || return 1
    # A file that is not there is none to be made. Where a file has setuid, setgid or sticky and is to lose it, cp leaves it.
    (cd "$at/stage" && find . ! -type d -exec sh -c '
        for file; do
            there=../../$file
            if [ ! -f "$there" ] || [ -L "$there" ]; then
                rm -f -- "$file"
            elif [ -u "$there" ] || [ -g "$there" ] || [ -k "$there" ]; then
                chmod a-st "$there"
            fi
        done' sh {} +) || return 1
    : >"$at/unreadable"
    if [ "$(id -u)" != 0 ]; then
        (cd "$at/stage" && find . ! -type d -print0) >"$at/files" || return 1
        each "$at/files" chmod u+w -- || return 1
        (cd "$at/stage" && find . ! -type d ! -perm -400 -print0) >"$at/unreadable" || return 1
        (cd "$at/stage" && each ../unreadable chmod u+r --) || return 1
    fi
    for top in "$at"/stage/* "$at"/stage/.[!.]* "$at"/stage/..?*; do
        if [ -e "$top" ]; then "$gnu_cp" -a --attributes-only "$top" . || return 1; fi
    done
    each "$at/unreadable" chmod u-r --
}

remove_stage() {
    if [ -d "$at/stage" ]; then chmod -R u+rwX "$at/stage" && rm -rf "$at/stage"; fi
}

remove_stage
for tar in "$at"/metadata-*.tar; do
    [ -f "$tar" ] || continue
    if [ -z "$gnu_tar" ] || [ -z "$gnu_cp" ]; then
        say 'modes, owners and times of files that changed in nothing else stay as they were: GNU tar and GNU cp are needed'
        break
    fi
    metadata "$tar" || say 'not all modes, owners and times of files that changed in nothing else could be set'
    remove_stage
done
rm -rf "$at" .snap-apply.sh
[ -z "$failed" ]
