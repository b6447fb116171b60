# The cgroup of a container made from a bundle, on a real kernel's v2: where it is, its limits and its device rules,
# and that nothing of it is left.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
mkdir -p /proc /sys /b/root/bin /b/root/proc /b/root/dev /run
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
cp /bin/busybox /b/root/bin/busybox
config() { # CGROUPSPATH RESOURCES SCRIPT
    cat >/b/config.json <<END
{"ociVersion": "1.0.2", "root": {"path": "root"},
 "process": {"cwd": "/", "args": ["/bin/busybox", "sh", "-c", "$3"],
  "capabilities": {"bounding": ["CAP_SYS_RAWIO"], "effective": ["CAP_SYS_RAWIO"], "permitted": ["CAP_SYS_RAWIO"]}},
 "linux": {"cgroupsPath": "$1", "resources": $2,
  "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "cgroup"}]}}
END
}
cd /sys/fs/cgroup
config /engine/c1 '{"memory": {"limit": 67108864, "swap": 100663296, "reservation": 33554432},
    "cpu": {"shares": 512, "quota": 50000, "cpus": "0"}, "pids": {"limit": 20},
    "unified": {"memory.high": "60000000"},
    "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]}' \
    'exec /bin/busybox sleep 1000'
mini create -b /b c </dev/null >/tmp/out 2>&1
check "created" "0 " "$? $(cat /tmp/out)"
field() { mini state c | sed -n "s/.*\"$1\": *\"*\([a-z0-9]*\).*/\1/p"; }
pid=$(field pid)
check "it is in its cgroup" "0::/engine/c1" "$(cat /proc/$pid/cgroup)"
check "the limits" "67108864 33554432 59998208 20 59 50000 100000 0" \
    "$(cd engine/c1 && cat memory.max memory.low memory.high pids.max cpu.weight cpu.max cpuset.cpus | tr '\n' ' ' | sed 's/ $//')"
check "controllers without a limit are there, too" yes "$([ -e engine/c1/io.stat ] && echo yes)"
mini start c
check "it runs" 1 "$(mini state c | grep -c '"running"')"
mini pause c
check "paused" "1 frozen 1" "$(mini state c | grep -c '"paused"') $(grep frozen engine/c1/cgroup.events)"
mini resume c
check "resumed" "running frozen 0" \
    "$(field status) $(grep frozen engine/c1/cgroup.events)"
mini create -b /b other </dev/null 2>/tmp/err
check "a cgroup with members is nobody else's" "1 1" "$? $(grep -c 'another container uses it' /tmp/err)"
check "whose processes are left alone" 1 "$(mini state c | grep -c '"running"')"
# A process below its cgroup.
mkdir engine/c1/deep engine/c1/deep/er 2>/dev/null
mini delete --force c
check "deleted with all below" "0 no" "$? $([ -e engine/c1 ] && echo yes || echo no)"

# Device rules. /dev/mem is 1:1, /dev/null 1:3.
mknod /b/root/dev/x1 c 1 1
mknod /b/root/dev/x3 c 1 3
opens='for n in 1 3; do (: </dev/x$n) 2>/dev/null && echo r$n; (: >/dev/x$n) 2>/dev/null && echo w$n; done; exit 0'
rules() { # RULES
    config /engine/c2 "{\"devices\": [$1]}" "$opens"
    mini run -b /b d </dev/null 2>&1 | tr '\n' ' '
}
none='{"allow": false, "access": "rwm"}'
check "devices: none but the usual" "r3 w3 " "$(rules "$none")"
check "devices: one may be read" "r1 r3 w3 " \
    "$(rules "$none, {\"allow\": true, \"type\": \"c\", \"major\": 1, \"minor\": 1, \"access\": \"r\"}")"
check "devices: all" "r1 w1 r3 w3 " "$(rules '{"allow": true, "access": "rwm"}')"
check "nothing is left" "" "$(ls -d engine/c2 2>/dev/null)"

# What v2 does not have, and what is not there.
for wrong in '{"memory": {"swappiness": 5}}' '{"cpu": {"realtimeRuntime": 1000}}' \
    '{"unified": {"nonsense.max": "1"}}' '{"cpu": {"cpus": "99"}}' '{"memory": {"swap": 100}}'; do
    config /engine/c3 "$wrong" true
    mini create -b /b e </dev/null >/dev/null 2>/tmp/err
    check "refused: $wrong" "1 1 no" "$? $(wc -l </tmp/err) $([ -e engine/c3 ] && echo yes || echo no)"
done
# A relative path is beside mini.
mkdir jobs jobs/mini
echo $$ >jobs/mini/cgroup.procs
config inner/c4 '{"pids": {"limit": 9}}' 'exec /bin/busybox sleep 1000'
mini create -b /b f </dev/null >/dev/null 2>/tmp/err
check "a relative path" "0 9" "$? $(cat jobs/inner/c4/pids.max)"
mini delete --force f
