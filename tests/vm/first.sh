#!/bin/sh
# Run by mini as the machine's first process, in a container: what it sees, and an end of its own.
export PATH=/bin
echo "=== begin"
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
check "the command is process 1" 1 $$
check "with a /proc of its own, and devices" "yes" "$([ -c /dev/null ] && echo yes)"
check "without the right to end the machine" "denied" "$(reboot -f 2>/dev/null || echo denied)"
(sleep 0.1 &)
exit 7
