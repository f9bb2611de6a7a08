# SPDX-License-Identifier: Apache-2.0
# Shared by the shell tools: where things are, and steps that show progress.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$top/.cache
log_dir=$cache/log

say()
{
    printf '%s\n' "$*"
}

die()
{
    printf 'squib: %s\n' "$*" >&2
    exit 1
}

# again COMMAND... runs it until it succeeds, four times at most: networks and
# mirrors fail for moments, and another apt may hold a lock.
again()
{
    local pause

    for pause in 5 20 60; do
        "$@" && return 0
        say "squib: that failed; once more in $pause s"
        sleep "$pause"
    done
    "$@"
}

# A Debian mirror: the one that is named, or the first that apt knows.
debian_mirror()
{
    local found

    found=${SQUIB_DEBIAN_MIRROR:-$(apt-get indextargets \
        --format '$(REPO_URI)' 2>/dev/null |
        grep -E '^https?://.*/debian/?$' | head -n 1)} || true
    [ -n "$found" ] ||
        die "apt knows no Debian mirror: name one in SQUIB_DEBIAN_MIRROR"
    printf '%s\n' "$found"
}

# The last thing a log says, short enough for one line of a terminal.
log_tail()
{
    tail -c 400 "$1" 2>/dev/null | tr '\r' '\n' | tr -cd '[:print:]\n' |
        grep -v '^ *$' | tail -n 1 | cut -c1-56
}

# step TITLE COMMAND... runs the command with its output in a log. A terminal
# sees one line that ticks; anything else sees a line at the start, one every
# 15 s and one at the end. On failure the end of the log is shown.
step()
{
    local title=$1 log start=$SECONDS pid rc=0 said=0 took

    shift
    mkdir -p "$log_dir"
    log=$log_dir/$(printf %s "$title" | tr -cs 'A-Za-z0-9\n' -).log
    [ -t 1 ] || say "-- $title"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        took=$((SECONDS - start))
        if [ -t 1 ]; then
            printf '\r\033[K-- %s (%d s) %s' "$title" "$took" \
                "$(log_tail "$log")"
        elif [ $((took / 15)) -gt "$said" ]; then
            said=$((took / 15))
            say "   $title: $took s: $(log_tail "$log")"
        fi
    done
    wait "$pid" || rc=$?
    took=$((SECONDS - start))
    [ -t 1 ] && printf '\r\033[K'
    if [ "$rc" -ne 0 ]; then
        say "-- $title: failed after $took s; the end of ${log#"$top"/}:"
        tail -n 25 "$log" | sed 's/^/   /'
        return "$rc"
    fi
    say "-- $title: done in $took s"
}
