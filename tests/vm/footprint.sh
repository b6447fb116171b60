#!/bin/sh
# What mini takes of a machine: run by mini as its first process, or by a shell that is.
export PATH=/bin
if [ $$ = 1 ] && [ -e /proc/uptime ]; then
    # The first words from inside a container; the clock started with the kernel.
    read -r seconds _ </proc/uptime
    echo "=== begin"
    echo "seconds $seconds"
    sed -n 's/^\(MemTotal\|MemAvailable\):[[:space:]]*\([0-9]*\).*/\1 \2/p' /proc/meminfo
    exit 0
fi
mkdir -p /proc && mount -t proc proc /proc
mkfifo /up
mini run -- sh -c 'echo >/up; exec sleep 5' &
read -r _ </up
# It lets go of what it does not need once it has waited for a tenth of a second.
sleep 1
sed -n 's/^\(Pss\):[[:space:]]*\([0-9]*\).*/\1 \2/p' "/proc/$!/smaps_rollup"
kill $!
