# Path rules on kernels of different ages: which do without Landlock, which know sockets. Prints a line
# for each promise.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}

mkdir -p /proc /sys /log /data
mount -t proc proc /proc
mount -t sysfs sysfs /sys
case $(uname -r) in
    [0-5].* | 6.[01].*) landlock=no sockets= ;;
    6.* | 7.0*) landlock=yes sockets=open ;;
    *) landlock=yes sockets=closed ;;
esac
syslogd -O /log/messages
until [ -e /dev/log ]; do :; done
has() { if grep -q "$1" /log/messages; then echo arrived; else echo nothing; fi; }
# What was sent before is there when this is.
settle() {
    logger "settled $1"
    until grep -q "settled $1" /log/messages; do :; done
}

mini run --ro-path / -- true 2>/dev/null
check "where Landlock is missing a rule is refused" "$([ $landlock = yes ] && echo 0 || echo 125)" $?

echo x >/data/file
mini run --ro-path / --rw-path /log -- chmod 600 /data/file 2>/dev/null
check "no mode outside can be changed" 644 "$(stat -c %a /data/file)"

logger "plainly"
settle 1
check "without rules a message arrives" arrived "$(has plainly)"

mini run --ro-path / -- logger "through" 2>/dev/null
settle 2
expected=nothing
[ "$sockets" = open ] && expected=arrived
check "a socket outside can be connected to before Linux 7.1 only" $expected "$(has through)"

mini run --ro-path / --rw-path /dev/log -- logger "allowed" 2>/dev/null
settle 3
expected=arrived
[ $landlock = no ] && expected=nothing
check "one that was named can be connected to" $expected "$(has allowed)"
