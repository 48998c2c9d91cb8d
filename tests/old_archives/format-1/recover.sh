#!/bin/sh
# Gets a snapshot back from this archive with nothing but sh, GNU tar and zstd.
set -u

usage() {
    printf '%s\n' \
        'usage: sh recover.sh TARGET             the newest snapshot' \
        '       sh recover.sh SNAPSHOT TARGET    the snapshot with this number' \
        'TARGET is a new or an empty folder. Exit code 0: all is there. 1: not all could be unpacked;' \
        'what, was said. 2: the command line makes no sense.'
}

say() { printf 'recover.sh: %s\n' "$1" >&2; }
fail() {
    say "$1"
    exit 1
}
misused() {
    say "$1"
    usage >&2
    exit 2
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
--) shift ;;
-*) misused "there is no option '$1' (a folder of this name is ./$1)" ;;
esac
case $# in
1) wanted='' target=$1 ;;
2)
    wanted=$1 target=$2
    case $wanted in '' | *[!0-9]* | ???????*) misused "'$wanted' is not the number of a snapshot" ;; esac
    ;;
*) misused 'a target is needed, and at most a number before it' ;;
esac
[ -n "$target" ] || misused 'the name of the target is empty'

# Names that begin with / or . are never taken for options or for anything else.
case $0 in */*) here=${0%/*} ;; *) here=. ;; esac
case $here in /* | .*) ;; '') here=/ ;; *) here=./$here ;; esac
case $target in /* | .*) ;; *) target=./$target ;; esac

unset TAR_OPTIONS
gnu_tar=''
for program in tar gtar; do
    case $("$program" --version 2>/dev/null) in *'GNU tar'*) gnu_tar=${gnu_tar:-$program} ;; esac
done
[ -n "$gnu_tar" ] || fail 'GNU tar is needed, and is not installed'
command -v zstd >/dev/null || fail 'zstd is needed, and is not installed'

digits='[0-9][0-9][0-9][0-9]'
begin="[0-9][0-9]$digits-$digits${digits}T[0-9][0-9]${digits}Z"

# What was cut off half-way to its place has to go there first.
for bundle in "$here"/pruned/*.tar.zst.new; do
    name=${bundle##*/} name=${name%.new}
    case $name in $begin.tar.zst | $begin.$digits.tar.zst) ;; *) continue ;; esac
    [ -e "$here/bundles/$name" ] || fail "a bundle was cut off half-way to its place. Move it there, and run this again:
    mv '$here/pruned/$name.new' '$here/bundles/$name'"
done

# Bundles that were joined into a later one, which stands in its place already, are passed over: pairs FIRST:NAME.
joins=''
for note in "$here"/pruned/*.tar.zst.joins-*; do
    name=${note##*/} first=${note##*-} name=${name%.joins-*}
    case $name/$first in $begin.tar.zst/[0-9][0-9]$digits) ;; *) continue ;; esac
    [ -e "$here/pruned/$name.new" ] || joins="$joins $first:$name"
done
joined() {
    for pair in $joins; do
        into=${pair#*:}
        if [ "$1" != "$into" ] && [ "${1%%-*}" -ge "${pair%%:*}" ] && [ "${1%%-*}" -le "${into%%-*}" ]; then return 0; fi
    done
    return 1
}

# The newest snapshot is never forgotten.
last=0
for bundle in "$here"/bundles/*.tar.zst; do
    name=${bundle##*/}
    case $name in $begin.tar.zst) last=$((1${name%%-*} - 1000000)) ;; esac
done

# Looks at all names before anything is unpacked.
incomplete='' newest='' found='' number='' moment='' part=0
for bundle in "$here"/bundles/*.tar.zst; do
    name=${bundle##*/}
    case $name in
    $begin.tar.zst | $begin.$digits.tar.zst) ;;
    '*.tar.zst') continue ;;
    *)
        say "left out, for it has not the name of a bundle (is it a copy?): $name"
        continue
        ;;
    esac
    if joined "$name"; then continue; fi
    before=$number
    number=$((1${name%%-*} - 1000000))
    time=${name%%.*}
    if [ "$number" = "$before" ]; then
        [ "$time" = "$moment" ] || fail "two histories are in $here/bundles: $moment and $time have one number;
what belongs to the other one has to be moved away first"
    else
        part=0
        [ -z "$wanted" ] || [ "$number" -le "$wanted" ] || break
    fi
    moment=$time part=$((part + 1))
    case $name in
    $begin.tar.zst)
        newest=$number
        [ -z "$wanted" ] || [ "$number" -ne "$wanted" ] || found=yes
        ;;
    *)
        now=${name#*.}
        now=$((1${now%%.*} - 10000))
        [ "$now" = "$part" ] || {
            say "part $part of $moment is missing, and what was saved in it"
            incomplete=yes part=$now
        }
        ;;
    esac
done
[ -n "$newest" ] || [ -n "$wanted" ] || fail "there are no snapshots in $here/bundles"
[ -z "$wanted" ] || [ -n "$found" ] || fail "there is no snapshot $wanted in $here/bundles
(if there ever was, it was forgotten, and is pruned)"
wanted=${wanted:-$newest}

# What was forgotten is not given out.
forgotten=''
while IFS= read -r line; do
    case $line in
    ??????' forgotten') [ "$((1${line%% *} - 1000000))" -ne "$wanted" ] || forgotten=yes ;;
    esac
done 2>/dev/null <"$here/marks.txt"
[ -z "$forgotten" ] || [ "$wanted" -ge "$last" ] || fail "snapshot $wanted was forgotten
(as long as it is not pruned, snap forget --undo $wanted takes that back)"

mkdir -p "$target" || exit 1
for item in "$target"/* "$target"/.[!.]* "$target"/..?*; do
    if [ -e "$item" ] || [ -L "$item" ]; then fail "$target is not empty"; fi
done

# An ordinary user can change nothing in folders without write permission, which an older bundle may have brought. Before
# the next bundle such a folder gets a mode that nobody uses, 0722, and its own is noted by its inode, for a bundle may move
# it. At the end those that still have that mode get their own back.
open_up='
folder=$1
set -f
set -- $(ls -ldi "$folder")
chmod 0722 "$folder" || exit 0
printf "mode_%s=%s\n" "$1" "${2%%[.+@]*}"'
close_again='
folder=$1 quote=$2 quoted=""
set -f
set -- $(ls -ldi "$folder")
while :; do
    case $folder in *"$quote"*) ;; *) break ;; esac
    quoted=$quoted${folder%%"$quote"*}$quote\"$quote\"$quote
    folder=${folder#*"$quote"}
done
printf "put_back %s %s\n" "$1" "$quote$quoted$folder$quote"'

open_all() { eval "$(find "$target" -type d ! -perm -700 -exec sh -c "$open_up" sh {} \;)"; }

# The arguments are an inode and its folder.
put_back() {
    eval "mode=\${mode_$1-}"
    [ -z "$mode" ] || chmod "$(symbolic "${mode#?}")" "$2"
}

# Turns rwxr-x--x into u=rwx,g=rx,o=x.
symbolic() {
    rest=$1 bits='' who='u=' count=0
    while [ -n "$rest" ]; do
        case $rest in [rwx]*) bits=$bits${rest%"${rest#?}"} ;; [st]*) bits=${bits}x ;; esac
        rest=${rest#?} count=$((count + 1))
        case $count in
        3) who="u=$bits,g=" bits='' ;;
        6) who="$who$bits,o=" bits='' ;;
        esac
    done
    printf %s "$who$bits"
}

# The archive's id stands in a line of its own, and in the first line of each bundle's list of changes.
id=''
while IFS= read -r line; do
    case $line in 'id = "'*) id=${line#*\"} id=${id%%\"*} ;; esac
done 2>/dev/null <"$here/archive.toml"

# Whether the folder $1 of the target, or the innermost above it that is there, is reached through no symlink. The dot keeps a
# newline at the end of a name.
top=$(cd -P -- "$target" && pwd -P && echo .)
is_inside() {
    above=$1
    while [ ! -e "$target/$above" ] && [ ! -L "$target/$above" ]; do
        case $above in */*) above=${above%/*} ;; *) return 1 ;; esac
    done
    there=$(cd -P -- "$target/$above" 2>/dev/null && pwd -P && echo .)
    [ "${there%??}" = "${top%??}/$above" ]
}

# Of renames, a line each for where from (R) and where to (T): where that which is renamed stood before all of them. What stands aside
# was looked at when it was moved there. The last rename to a path, or to a folder above it, says where that was.
stood_at='
NR % 2 { from = substr($0, 2); next }
{
    to = substr($0, 2)
    if (index(from to, "\001")) exit
    if (("/" from "/" to "/") ~ /\/\.?\.?\//) next
    if (index(from, "/") && !index(from, "/.snap-move-")) print stood(from)
    count++; origin[count] = from
    if (to in newest) older[count] = newest[to]
    newest[to] = count
}
function stood(path,    before, at, above, found, rest) {
    before = count + 1
    while (1) {
        found = 0; above = path
        while (1) {
            at = (above in newest) ? newest[above] : 0
            while (at >= before) at = (at in older) ? older[at] : 0
            if (at > found) { found = at; rest = substr(path, length(above) + 1) }
            if (!match(above, /\/[^\/]*$/)) break
            above = substr(above, 1, RSTART - 1)
        }
        if (!found) return path
        path = origin[found] rest; before = found
    }
}'

# Renames stand first in a bundle, and at one of what is not there tar leaves out those behind it. Where a damaged bundle did
# not bring it, an empty file stands in for it, which is a second name of .snap-stand-in and goes when the bundle is unpacked.
# Names with a newline cannot be looked at here, and what is behind them is not.
stand_in() {
    rm -rf "$target/.snap-stand-in"
    zstd -dc <"$1" 2>/dev/null | head -c 20971520 | tr '\000\n' '\n\001' | LC_ALL=C sed -n \
        -e '/GNU\.dumpdir=R/{s/.*GNU\.dumpdir=//' -e ':next' -e '/^[RT]/{p' -e n -e 'b next' -e '}' -e '}' |
        LC_ALL=C awk "$stood_at" | while IFS= read -r was; do
        if [ ! -e "$target/$was" ] && [ ! -L "$target/$was" ] && is_inside "${was%/*}"; then
            mkdir -p "$target/${was%/*}" && : >>"$target/.snap-stand-in" && ln "$target/.snap-stand-in" "$target/$was" &&
                say "was lost before, and is renamed now: $was"
        fi
    done
}
leave() {
    incomplete=yes
    if [ ! -w / ]; then open_all; fi
    set -f
    set -- $(ls -di "$target/.snap-stand-in")
    set +f
    find "$target" -type f -inum "$1" -exec rm -f {} +
}

# What tar does not tell, a line each: the hash of a content that a repair noted as lost, or = and the number that the names of
# one symlink, pipe or device have in common, then the path as it stands in the lists of changes, in their form with % for
# bytes. A bundle that has something else for a path, or says that it is gone, ends that; a rename moves it; what has the content
# of one that is lost, or is made from it, is lost, too. What a path was before the bundle counts for that.
still_true='
function text(    is_escaped, value) {
    is_escaped = sub(/^[{]"escaped":/, "", left)
    if (!match(left, /^"([^"\\]|\\.)*"/)) return ""
    value = substr(left, 2, RLENGTH - 2)
    left = substr(left, RLENGTH + 1 + is_escaped)
    if (!is_escaped) gsub(/%/, "%25", value)
    return value
}
function hash(key) {
    return match($0, "\"" key "\":\"[0-9a-f]+\"") ? substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 5) : ""
}
function take(path) { delete known[path] }
function add(path, what) { known[path] = what; order[++count] = path }
function before(path) { return path in was ? was[path] : path in known ? known[path] : "" }
function source() {
    if (!match($0, /"copy":/)) return path
    left = substr($0, RSTART + 7)
    return text()
}
function move(from, to,    at, last, path, what) {
    delete aside[from]
    if (to ~ /^[^\/]+\/\.snap-move-[0-9]+$/) aside[to] = 1
    last = count
    for (at = 1; at <= last; at++) {
        path = order[at]
        if (!(path in known) || (path != from && index(path, from "/") != 1)) continue
        what = known[path]; take(path)
        add(to substr(path, length(from) + 1), what)
    }
}
# What is renamed to where nothing stays, and no further, is gone.
function drop_aside(    to, path) {
    for (to in aside) {
        for (path in known) if (path == to || index(path, to "/") == 1) take(path)
        delete aside[to]
    }
}
NR == FNR { if (at = index($0, " ")) add(substr($0, at + 1), substr($0, 1, at - 1)); next }
!count && !index($0, "\"offset\":0") && !index($0, "\"link\":") { next }
/^[{]"moved":/ { left = substr($0, 10); from = text(); left = substr(left, 7); move(from, text()); next }
{ drop_aside() }
/^[{]"path":/ {
    left = substr($0, 9); path = text(); own = hash("hash")
    needed = index($0, "\"in\":\"") ? own : hash("base")
    is_lost = $0 ~ /"offset":0[,}]/ || needed != "" && before(source()) == needed
    if (is_lost || path in known) { old = before(path); was[path] = old }
    if (is_lost) add(path, own)
    else if ($0 ~ /"type":"(symlink|fifo|char|block)"/ && match($0, /"link":[0-9]+/))
        add(path, "=" substr($0, RSTART + 7, RLENGTH - 7))
    else take(path)
}
END { for (at = 1; at <= count; at++) if (order[at] in known) { print known[order[at]] " " order[at]; take(order[at]) } }'
known=''

# Two names of what has several, a line each, as printf %b reads them.
second_names='
function coded(path,    text, at, mark) {
    while (at = match(path, /[%\\]/)) {
        text = text substr(path, 1, at - 1); mark = substr(path, at, 2)
        if (mark == "\\u") { text = text octal(substr(path, at + 4, 2)); at += 4 }
        else if (substr(mark, 1, 1) == "%") { text = text octal(substr(path, at + 1, 2)); at++ }
        else text = text (mark == "\\\"" || mark == "\\/" ? substr(mark, 2) : mark)
        path = substr(path, at + 2)
    }
    return text path
}
function octal(hex) { return sprintf("\\0%03o", digit(substr(hex, 1, 1)) * 16 + digit(substr(hex, 2, 1))) }
function digit(hex) { return index("0123456789ABCDEF", toupper(hex)) - 1 }
/^=/ {
    at = index($0, " "); what = substr($0, 1, at - 1); path = coded(substr($0, at + 1))
    if (what in first) { print first[what]; print path } else first[what] = path
}'

# tar makes a symlink, a pipe or a device anew for each of its names; here they become names of one again. The other name is
# moved out of the way first: ln and mv would go into the folder that a symlink leads to. No source has a name like .snap-recover.
link_names() {
    work=$target/.snap-recover
    rm -rf "$work"
    mkdir "$work" || return
    printf '%s\n' "$known" | LC_ALL=C awk "$second_names" | while IFS= read -r one && IFS= read -r other; do
        one=$(printf '%b.' "$one") other=$(printf '%b.' "$other")
        one=${one%.} other=${other%.}
        is_inside "${one%/*}" && is_inside "${other%/*}" && are_alike "$target/$one" "$target/$other" || continue
        folder=$target/${other%/*}
        touch -r "$folder" "$work/time" && mv -f "$target/$other" "$work/other" || continue
        ln "$target/$one" "$target/$other" || mv "$work/other" "$target/$other"
        rm -f "$work/other"
        touch -r "$work/time" "$folder"
    done
    rm -rf "$work"
}
are_alike() {
    if [ -L "$1" ] && [ -L "$2" ]; then
        [ "$(readlink "$1" && echo .)" = "$(readlink "$2" && echo .)" ]
        return
    fi
    for kind in p b c; do
        if [ ! -L "$1" ] && [ ! -L "$2" ] && [ "-$kind" "$1" ] && [ "-$kind" "$2" ]; then return 0; fi
    done
    return 1
}

before=0
for bundle in "$here"/bundles/*.tar.zst; do
    name=${bundle##*/}
    case $name in $begin.tar.zst | $begin.$digits.tar.zst) ;; *) continue ;; esac
    if joined "$name"; then continue; fi
    number=$((1${name%%-*} - 1000000))
    [ "$number" -le "$wanted" ] || break
    printf 'unpacking %s\n' "$name"
    # Root may write everywhere, and needs none of this.
    if [ ! -w / ]; then
        open_all
    fi
    stand_in "$bundle"
    rm -f "$target/.snap-manifest.jsonl"
    problem=$({ { zstd -dc <"$bundle" || printf zstd >&3; } | {
        cd "$target" && umask 0 && "$gnu_tar" -xf - -g /dev/null >&2 || printf tar >&3
    }; } 3>&1)
    [ -z "$problem" ] || {
        say "$name could not be unpacked whole; going on"
        incomplete=yes
    }
    [ ! -f "$target/.snap-stand-in" ] || leave
    line=''
    if [ -f "$target/.snap-manifest.jsonl" ]; then
        IFS= read -r line <"$target/.snap-manifest.jsonl"
        known=$(printf '%s\n' "$known" | LC_ALL=C awk "$still_true" - "$target/.snap-manifest.jsonl")
    fi
    # Its first line says up to which snapshot contents were taken out.
    case $line in
    *'"pruned_until":'*)
        until=${line#*'"pruned_until":'} until=${until%%[!0-9]*}
        [ "$until" -lt "$wanted" ] || [ "$wanted" -ge "$last" ] || fail "snapshot $wanted was forgotten, and is pruned:
what only it held is no longer there. What is in $target is not whole"
        ;;
    esac
    # It also says from which number on bundles were joined into it.
    first=$number
    case $line in
    *'"joined_from":'*) first=${line#*'"joined_from":'} first=${first%%[!0-9]*} ;;
    *) case $joins in *":$name"*) fail "$name should have others joined into it, and has not:
move what is in $here/pruned away, and begin anew" ;; esac ;;
    esac
    [ "$first" = "$number" ] || [ "$first" -gt "$before" ] || fail "bundle $before was joined into $name, and is there all the same:
move it away, and begin anew"
    [ "$first" -le $((before + 1)) ] || {
        say "the bundles between $before and $first are missing, and what was saved in them"
        incomplete=yes
    }
    before=$number
    case $line in
    *"\"archive\":\"$id"*) ;;
    *'"archive":"'*) fail "$name belongs to another archive, and is mixed into $target now; move it away and begin anew" ;;
    esac
    # What a damaged bundle gives may be no script any more, nor what is cut off. Where only tar could not do all, there is still
    # something for it to do.
    if [ -f "$target/.snap-apply.sh" ]; then
        case $problem$(tail -n 1 "$target/.snap-apply.sh") in
        'tar[ -z "$failed" ]' | '[ -z "$failed" ]') sh "$target/.snap-apply.sh" || incomplete=yes ;;
        *) say "what its script .snap-apply.sh does was left out" ;;
        esac
    fi
    rm -rf "$target/.snap-apply.sh" "$target/.snap-apply"
done
if [ ! -w / ]; then open_all; fi
link_names
# The deepest first, for in a folder that may not be entered nothing can be changed.
if [ ! -w / ]; then
    eval "$(find "$target" -depth -type d -perm -0722 ! -perm -0040 ! -perm -0010 ! -perm -0004 ! -perm -0001 \
        -exec sh -c "$close_again" sh {} "'" \;)"
fi

rm -f "$target/.snap-manifest.jsonl"
lost=$(printf '%s\n' "$known" | LC_ALL=C sed '/^=/d')
if [ -n "$lost" ]; then
    say 'lost when the archive was damaged (what is here under such a name, if anything, is older):'
    printf '%s\n' "$lost" | LC_ALL=C sed -e 's/^.\{65\}/    /' -e 's/%25/%/g' -e 's/\\\(["\\]\)/\1/g' >&2
    incomplete=yes
fi
if [ -n "$incomplete" ]; then
    fail "snapshot $wanted is in $target, but for what was named above"
fi
printf 'snapshot %s is in %s\n' "$wanted" "$target"
