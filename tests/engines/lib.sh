# Functions the engine scripts share. Each script sources this file with its own arguments:
#     ENGINE.sh RUNTIME [SECTION...]
# RUNTIME is the OCI runtime to test (mini, runc). The sections are "run" (create, start, kill, delete) and "exec"
# (exec, pause, update, statistics and what is built on them). The default is both.
# shellcheck shell=bash
set -u

[ $# -ge 1 ] && [ -x "$(command -v "$1")" ] || { echo "usage: ${0##*/} RUNTIME [SECTION...]" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "${0##*/}: must be started by root" >&2; exit 2; }
RUNTIME=$(realpath "$(command -v "$1")")
shift
SECTIONS=${*:-run exec}

# Everything the engine writes is below WORK. The path is short because Unix sockets are bound there.
WORK=$(mktemp -d /tmp/mini-engine.XXXXXX)
PASSED=0 FAILED=0 DAEMONS=""

# Ends the daemons, unmounts what they left mounted and removes WORK; the engine's script removes its containers
# before, in its function `cleanup`.
finish() {
    trap - EXIT INT TERM
    cleanup >"$WORK/cleanup.log" 2>&1
    local pid mount
    for pid in $DAEMONS; do kill "$pid" 2>/dev/null; done
    for pid in $DAEMONS; do
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    while read -r mount; do umount -l "$mount"; done < <(awk -v work="$WORK/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r)
    if [ "${KEEP:-}" ]; then echo "kept: $WORK"; else rm -rf --one-file-system "$WORK"; fi
    echo "${0##*/} with ${RUNTIME##*/}: $PASSED ok, $FAILED failed"
    [ "$FAILED" = 0 ] && [ "$PASSED" -gt 0 ]
    exit
}
trap finish EXIT
trap 'exit 1' INT TERM

# Starts a daemon in the background; `finish` ends it by its process id.
daemon() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$WORK/$name.log" 2>&1 </dev/null &
    DAEMON=$!
    DAEMONS="$DAEMON $DAEMONS"
}

# Waits until a command succeeds, at most 20 seconds.
until_true() { # COMMAND...
    local _
    for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    return 1
}

section() { case " $SECTIONS " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

ok() { PASSED=$((PASSED + 1)); echo "ok: $1"; }
fail() { # NAME WHY
    FAILED=$((FAILED + 1))
    echo "FAIL: $1: $2"
}

# Runs a command and compares its exit status (one or more: "126|127"), and its output (stdout and stderr) with an
# extended regular expression.
# The output is one line for the comparison: line ends are spaces. The command can be an exported function.
expect() { # NAME STATUS PATTERN COMMAND...
    local name=$1 status=$2 pattern=$3 got out
    shift 3
    # Not from a pipe, which a process that stays in the background (a monitor of a container) could hold open.
    timeout -k 5 60 bash -c '"$@"' bash "$@" >"$WORK/out" 2>&1 </dev/null
    got=$?
    out=$(cat "$WORK/out")
    out=$(printf '%s' "$out" | tr -d '\r' | tr '\n' ' ')
    if ! [[ $got =~ ^($status)$ ]]; then
        fail "$name" "exit status $got, not $status: ${out:0:600}"
    elif ! [[ $out =~ $pattern ]]; then
        fail "$name" "no \"$pattern\" in: ${out:0:600}"
    else
        ok "$name"
    fi
}

# Runs a command on a pseudo terminal of 100 columns and 30 rows, types the lines of INPUT when a prompt can be expected,
# and returns the command's exit status.
on_terminal() { # INPUT COMMAND...
    python3 - "$@" <<'PYTHON'
import fcntl, os, pty, select, struct, sys, termios, time
lines, command = sys.argv[1].split("\n"), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "-c", "\"$@\"", "bash"] + command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
quiet, end = 0.0, time.monotonic() + 30
while time.monotonic() < end:
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
        quiet = 0.0
        # A shell that shows its prompt waits for the next line.
        if lines and data.rstrip().endswith((b"#", b"$")):
            os.write(terminal, lines.pop(0).encode() + b"\n")
    else:
        # Output that came without a prompt: type after two quiet seconds.
        quiet += 0.1
        if lines and quiet > 2:
            os.write(terminal, lines.pop(0).encode() + b"\n")
            quiet = 0.0
else:
    os.kill(pid, 9)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
PYTHON
}

# Makes the root file system of the image: BusyBox, a user, some groups.
busybox_root() { # DIRECTORY
    mkdir -p "$1"/{bin,etc,proc,sys,dev,root,home/user,var/run}
    mkdir -p -m 1777 "$1/tmp"
    cp "$(command -v busybox)" "$1/bin/busybox"
    local name
    for name in $("$1/bin/busybox" --list | grep -vx busybox); do ln -s busybox "$1/bin/$name"; done
    printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$1/etc/group"
    chown 1000:1000 "$1/home/user"
    printf '#!/bin/nothing\n' >"$1/bin/no-interpreter"
    printf 'text' >"$1/bin/not-executable"
    chmod 755 "$1/bin/no-interpreter"
}

# Can the runtime start a container with all capabilities? Where root itself lacks some, the runtime-spec wants a
# warning (since 1.1); runc fails.
can_privileged() {
    [ "${RUNTIME##*/}" != runc ] || [ "$(awk '/CapBnd/ { print $2 }' /proc/self/status)" = \
        "$(printf '%016x' $(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1)))" ] ||
        { echo "skip: privileged: root has not all capabilities here, which runc refuses"; return 1; }
}

# cgroup version 2 alone, or version 1 (and hybrid)?
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then CGROUP=2; else CGROUP=1; fi

# The shell words that print a limit from inside of a container, whose cgroups are in /sys/fs/cgroup.
limit_file() { # memory|pids|cpu
    case $CGROUP-$1 in
    1-memory) echo /sys/fs/cgroup/memory/memory.limit_in_bytes ;;
    2-memory) echo /sys/fs/cgroup/memory.max ;;
    1-pids) echo /sys/fs/cgroup/pids/pids.max ;;
    2-pids) echo /sys/fs/cgroup/pids.max ;;
    1-cpu) echo /sys/fs/cgroup/cpu/cpu.cfs_quota_us ;;
    2-cpu) echo /sys/fs/cgroup/cpu.max ;;
    esac
}

# The processes, mounts and cgroups that have the text in their names. Nothing must be left at the end.
left_over() { # TEXT
    grep "$1" /proc/mounts | grep -v '/netns/default '
    find /sys/fs/cgroup -type d -path "*$1*" 2>/dev/null
}

export -f until_true on_terminal left_over

# conmon leaves files in its working directory.
cd "$WORK" || exit 1
