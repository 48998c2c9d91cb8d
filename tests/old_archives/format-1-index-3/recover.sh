#!/bin/sh
# Gets a snapshot back from this archive with nothing but sh, GNU tar and zstd.
#   sh recover.sh TARGET             the newest snapshot
#   sh recover.sh SNAPSHOT TARGET    the snapshot with this number
# TARGET is a new or an empty folder.
set -eu

fail() {
    printf 'recover.sh: %s\n' "$1" >&2
    exit 1
}

case $# in
1) wanted='' target=$1 ;;
2) wanted=$1 target=$2 ;;
*) fail 'usage: sh recover.sh [SNAPSHOT] TARGET' ;;
esac
case $wanted in *[!0-9]*) fail "'$wanted' is not the number of a snapshot" ;; esac

here=${0%/*}
[ "$here" != "$0" ] || here=.

# A number without its leading zeros, which sh would take for an octal one.
plain() {
    n=$1
    while :; do
        case $n in 0?*) n=${n#0} ;; *) break ;; esac
    done
    printf %s "$n"
}

# The last part of a snapshot, whose name has no part number, makes it a snapshot.
newest=''
found=''
[ -z "$wanted" ] || wanted=$(plain "$wanted")
for bundle in "$here"/bundles/*.tar.zst; do
    name=${bundle##*/}
    case $name in
    *Z.tar.zst)
        newest=$(plain "${name%%-*}")
        [ "$newest" != "$wanted" ] || found=yes
        ;;
    esac
done
[ -n "$newest" ] || fail "there are no snapshots in $here/bundles"
[ -n "$wanted" ] || { wanted=$newest found=yes; }
[ -n "$found" ] || fail "there is no snapshot $wanted; the newest is $newest"

mkdir -p -- "$target"
for item in "$target"/* "$target"/.[!.]* "$target"/..?*; do
    if [ -e "$item" ] || [ -L "$item" ]; then fail "$target is not empty"; fi
done

for bundle in "$here"/bundles/*.tar.zst; do
    name=${bundle##*/}
    [ "$(plain "${name%%-*}")" -le "$wanted" ] || continue
    printf 'unpacking %s\n' "$name"
    tar --zstd -g /dev/null -xf "$bundle" -C "$target" || fail "$name could not be unpacked whole"
done
rm -f -- "$target/.snap-manifest.jsonl"
printf 'snapshot %s is in %s\n' "$wanted" "$target"
