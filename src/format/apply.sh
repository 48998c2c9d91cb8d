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

# Files whose content is as it was and whose metadata is not: tars of empty files that have it.
metadata() {
    mkdir "$at/stage" || return 1
    (umask 0 && "$gnu_tar" --warning=no-timestamp -xpf "$1" -C "$at/stage") || return 1
    # A file that is not there is none to be made.
    (cd "$at/stage" && find . ! -type d -exec sh -c '
        for file; do
            if [ ! -f "../../$file" ] || [ -L "../../$file" ]; then rm -f -- "$file"; fi
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
