#!/usr/bin/env bash
# podman with an OCI runtime, as root: podman.sh RUNTIME [SECTION...]. It needs podman, conmon, catatonit,
# busybox-static, python3.
. "$(dirname "$0")/lib.sh"

cleanup() { p rm -fa -t 0; p pod rm -fa -t 0; p system prune -af; p umount -a; }

# Limits of files and processes are lower than podman's own, which not every root may set.
cat >"$WORK/containers.conf" <<EOF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
default_capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$WORK/tmp"
[network]
network_backend = "netavark"
network_config_dir = "$WORK/net"
EOF
printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$WORK/state" "$WORK/data" >"$WORK/storage.conf"
export CONTAINERS_CONF=$WORK/containers.conf CONTAINERS_STORAGE_CONF=$WORK/storage.conf RUNTIME WORK
p() { podman --log-level error --root "$WORK/data" --runroot "$WORK/state" --runtime "$RUNTIME" "$@"; }
run() { p run --rm --network none "$@"; }
export -f p run
busybox_root "$WORK/root"
tar -C "$WORK/root" -c . | p import -q --change "ENV PATH=/bin" - bb >/dev/null || exit 1

if section run; then
    expect "hello" 0 '^hello$' run bb echo hello
    expect "exit status of the command" 7 '^$' run bb sh -c 'exit 7'
    expect "command that is not found" 127 'no-such-command' run bb no-such-command
    expect "command that is not executable" 126 'denied' run bb /bin/not-executable
    expect "environment" 0 '^one two$' run -e A=one -e B=two bb sh -c 'echo $A $B'
    expect "working directory" 0 '^/home/user$' run -w /home/user bb pwd
    expect "host name" 0 '^box$' run --hostname box bb hostname
    expect "standard input" 0 '^TYPED$' bash -c 'echo typed | run -i bb tr a-z A-Z'
    expect "PID 1, own PID namespace" 0 '^1 sh$' run bb sh -c 'echo $$ $(cat /proc/1/comm)'
    expect "umask" 0 '^0077$' run --umask 0077 bb sh -c umask
    expect "time zone" 0 'UTC' run --tz UTC bb date

    expect "terminal: is one, has a size, carries an exit status" 3 '30 100.*terminal yes' \
        on_terminal $'sleep 0.5; stty size; test -t 0 && echo terminal ye""s\nexit 3' run -it bb sh
    expect "terminal: /dev/console, Ctrl-C" 130 '' \
        on_terminal $'test -c /dev/console && sleep 100\n\x03\nexit' run -it bb sh
    expect "terminal without a standard input" 0 'yes' run -t bb sh -c 'test -t 1 && echo yes'

    mkdir "$WORK/volume"
    expect "volume" 0 '^written$' run -v "$WORK/volume:/v" bb sh -c 'echo written >/v/file; cat /v/file'
    expect "volume: the host sees it" 0 '^written$' cat "$WORK/volume/file"
    expect "volume, read-only" 1 'Read-only' run -v "$WORK/volume:/v:ro" bb sh -c 'echo no >/v/file'
    expect "volume, a file" 0 '^written$' run -v "$WORK/volume/file:/some/where:ro" bb cat /some/where
    expect "volume, named" 0 '^kept$' bash -c "run -v vol:/v bb sh -c 'echo kept >/v/f'; run -v vol:/v bb cat /v/f"
    expect "volume, noexec" 126 'denied' run -v "$WORK/root/bin:/v:noexec" bb /v/busybox true
    expect "tmpfs" 0 '^tmpfs 1048576$' run --tmpfs /t:size=1m bb sh -c 'echo $(stat -f -c "%T" /t) $(($(stat -f -c "%b * %S" /t)))'
    expect "tmpfs with the files below it" 0 'passwd' run --mount type=tmpfs,destination=/etc,tmpcopyup bb ls /etc
    expect "shm size" 0 '^2097152$' run --shm-size 2m bb sh -c 'echo $(($(stat -f -c "%b * %S" /dev/shm)))'
    expect "read-only root" 1 'Read-only' run --read-only bb touch /file
    expect "read-only root with a tmpfs" 0 '^yes$' run --read-only bb sh -c 'touch /tmp/file && echo yes'

    expect "user" 0 '^uid=1000.* gid=1000' run -u 1000:1000 bb id
    expect "user by name, groups" 0 '^uid=1000\(user\) gid=1000\(user\) groups=.*2000\(extra\)' run -u user bb id
    expect "added groups" 0 '3000' run --group-add 3000 bb id -G
    expect "default capabilities" 0 '^CapEff:.00000000800405fb$' run bb grep CapEff /proc/self/status
    expect "no capabilities" 0 '^CapEff:.0000000000000000 CapBnd:.0000000000000000$' run --cap-drop ALL bb sh -c 'grep -E "CapEff|CapBnd" /proc/self/status'
    expect "one capability" 0 '^CapEff:.0000000000001000$' run --cap-drop ALL --cap-add NET_ADMIN bb grep CapEff /proc/self/status
    expect "no new privileges" 0 '^NoNewPrivs:.1$' run --security-opt no-new-privileges bb grep NoNewPrivs /proc/self/status
    expect "seccomp filter" 0 '^Seccomp:.2$' run bb grep Seccomp: /proc/self/status
    expect "seccomp: a filter of one's own" 1 'not permitted' run --security-opt seccomp=<(printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}') bb mkdir /x
    expect "seccomp: unconfined" 0 '^Seccomp:.0$' run --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status
    expect "masked paths" 0 '^0 0$' run bb sh -c 'echo $(wc -c </proc/keys) $(ls -A /sys/firmware | grep -c .)'
    expect "read-only paths" 1 'Read-only' run bb sh -c 'echo 1 >/proc/sys/kernel/domainname'
    can_privileged && expect "privileged" 0 '^Seccomp:.0$' run --privileged bb sh -c 'mount -t tmpfs none /root && test -e /dev/kmsg && grep Seccomp: /proc/self/status'
    expect "device" 0 '^crw.* 1, *5 .*/dev/other$' run --device /dev/zero:/dev/other bb ls -l /dev/other
    expect "device that is not allowed" 1 'not permitted' run --cap-add MKNOD bb sh -c 'mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg'
    expect "sysctl" 0 '^12345$' run --sysctl kernel.msgmax=12345 bb cat /proc/sys/kernel/msgmax
    expect "rlimit" 0 '^100 200$' run --ulimit nofile=100:200 --ulimit nproc=100:100 bb sh -c 'echo $(ulimit -Sn) $(ulimit -Hn)'
    expect "oom_score_adj" 0 '^500$' run --oom-score-adj 500 bb cat /proc/self/oom_score_adj
    expect "file descriptors that are passed on" 0 '^passed$' bash -c 'run --preserve-fds 1 bb sh -c "cat <&3" 3< <(echo passed)'

    expect "memory limit" 0 '^67108864$' run -m 64m bb cat "$(limit_file memory)"
    expect "memory limit: the command is killed" 137 '' run -m 32m bb sh -c 'exec tail -c 200m /dev/zero >/dev/null'
    expect "pids limit" 0 '^77$' run --pids-limit 77 bb cat "$(limit_file pids)"
    expect "cpu limit" 0 '^50000' run --cpus 0.5 bb cat "$(limit_file cpu)"
    expect "init" 0 '^(catatonit|podman-init|init)' run --init bb sh -c 'cat /proc/1/comm'
    expect "init: exit status" 9 '^$' run --init bb sh -c 'exit 9'
    expect "init: command killed by a signal" 139 '^$' run --init bb sh -c 'kill -SEGV $$'
    expect "PID namespace of the host" 0 "^$(readlink /proc/self/ns/pid | sed 's/[][]/\\&/g')$" run --pid host bb readlink /proc/self/ns/pid
    expect "network of the host" 0 "^$(readlink /proc/self/ns/net | sed 's/[][]/\\&/g')$" p run --rm --network host bb readlink /proc/self/ns/net
    expect "user namespace" 0 '^0 100000 1000$' bash -c 'set -- $(run --uidmap 0:100000:1000 --gidmap 0:100000:1000 bb cat /proc/self/uid_map); echo "$@"'
    expect "root file system that is a directory" 0 '^hello$' run --rootfs "$WORK/root" /bin/echo hello

    expect "detached" 0 '^[0-9a-f]{64}$' p run -d --name one --network none bb sh -c 'trap "echo got TERM; exit 5" TERM; echo started; while :; do sleep 0.1; done'
    until_true bash -c "p logs one | grep started"
    expect "ps" 0 'one' p ps --format '{{.Names}}'
    expect "logs" 0 '^started$' p logs one
    expect "stop: the command ends by itself" 0 '^one$' p stop one
    expect "stop: exit status" 0 '^5 exited$' p inspect -f '{{.State.ExitCode}} {{.State.Status}}' one
    expect "logs after the end" 0 'got TERM' p logs one
    expect "start again" 0 '^one$' p start one
    sleep 0.5
    expect "kill with a signal" 0 '^one$' p kill -s TERM one
    expect "wait" 0 '^5$' p wait one
    expect "create, then start attached" 0 '^late$' bash -c "p create --name late --network none bb echo late >/dev/null; p start -a late"
    expect "rm" 0 '.' p rm one late
    expect "stop: the command ignores SIGTERM" 0 'two' bash -c "p run -d --name two --network none bb sh -c 'trap : TERM; while :; do sleep 0.1; done'; sleep 0.5; p stop -t 1 two"
    expect "stop: SIGKILL" 0 '^137$' p inspect -f '{{.State.ExitCode}}' two
    expect "rm of a running container" 0 '.' bash -c "p run -d --name three --network none bb sleep 100 && p rm -f -t 0 three"
    expect "ten at a time" 0 '^10$' bash -c "for i in \$(seq 10); do run bb echo yes & done | grep -c yes"
    p rm -fa -t 0 >/dev/null 2>&1
fi

if section exec; then
    p run -d --name box --network none bb sh -c 'trap exit TERM; while :; do sleep 0.1; done' >/dev/null
    expect "exec" 0 '^hi$' p exec box echo hi
    expect "exec: exit status" 6 '^$' p exec box sh -c 'exit 6'
    expect "exec: command that is not found" "126|127" 'no-such-command' p exec box no-such-command
    expect "exec: same PID namespace" 0 ' 1 root .*sh -c trap' p exec box ps
    expect "exec: user, directory, environment" 0 '^1000 /tmp x$' p exec -u 1000 -w /tmp -e V=x box sh -c 'echo $(id -u) $(pwd) $V'
    expect "exec: standard input" 0 '^TYPED$' bash -c "echo typed | p exec -i box tr a-z A-Z"
    expect "exec: terminal" 4 'terminal yes' on_terminal $'test -t 0 && echo terminal ye""s\nexit 4' p exec -it box sh
    expect "exec: terminal size" 0 '30 100' on_terminal $'sleep 0.5; stty size\nexit 0' p exec -it box sh
    expect "exec: capabilities, seccomp as the container's" 0 '^CapEff:.00000000800405fb Seccomp:.2$' p exec box grep -E '^CapEff|^Seccomp:' /proc/self/status
    can_privileged && expect "exec: privileged" 0 '^CapEff:.[0-9a-f]*fffff' p exec --privileged box grep CapEff /proc/self/status
    expect "exec: detached" 0 '^yes$' bash -c "p exec -d box sh -c 'echo yes >/tmp/d' >/dev/null; sleep 1; p exec box cat /tmp/d"
    expect "exec: twenty" 0 '^20$' bash -c "for i in \$(seq 20); do p exec box echo yes; done | grep -c yes"
    expect "top" 0 'sh -c trap' p top box pid args
    expect "stats" 0 '^box [0-9.]+%' p stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' box
    expect "cp into the container" 0 '' p cp "$WORK/root/etc/passwd" box:/tmp/passwd
    expect "cp out of the container" 0 '^user:' bash -c "p cp box:/tmp/passwd - | tar -xO | grep ^user"
    expect "pause" 0 'box' p pause box
    expect "paused" 0 '^paused$' p inspect -f '{{.State.Status}}' box
    expect "exec in a paused container" "125|126|255" '.' p exec box true
    expect "unpause" 0 'box' p unpause box
    expect "exec after unpause" 0 '^hi$' p exec box echo hi
    expect "update" 0 'box|[0-9a-f]{64}' p update -m 96m --memory-swap -1 --cpus 0.25 box
    expect "update: in effect" 0 '^100663296$' p exec box cat "$(limit_file memory)"
    expect "attach" 0 'tick' bash -c "p run -d --name ticks --network none bb sh -c 'for i in 1 2 3 4 5 6; do sleep 0.5; echo tick; done'; p attach ticks"
    expect "health check" 0 '' p run -d --name healthy --network none --health-cmd 'test -e /tmp' --health-interval disable bb sleep 100
    expect "health check: healthy" 0 '' p healthcheck run healthy
    expect "restart policy" 0 '.' p run -d --name again --network none --restart on-failure:2 bb sh -c 'exit 3'
    expect "restart policy: twice" 0 '' until_true bash -c "p inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' again | grep -x '2 exited 3'"
    mkdir "$WORK/build"
    printf 'FROM localhost/bb\nRUN echo built >/made && id -u >>/made\nUSER 1000\nRUN id -u >/tmp/user\nCMD ["cat", "/made", "/tmp/user"]\n' >"$WORK/build/Dockerfile"
    expect "build" 0 '' p build --isolation oci --network none -t built "$WORK/build"
    expect "build: the image" 0 '^built 0 1000$' run built
    expect "commit" 0 '.' p commit -q box committed
    expect "commit: the image" 0 '^user:' run committed grep ^user /tmp/passwd
    expect "stop" 0 'box' p stop box
    expect "exec in a stopped container" 255 'not running|stopped|improper' p exec box true
    p rm -fa -t 0 >/dev/null 2>&1

    expect "pod" 0 '.' p pod create --name pod --network none --share net,ipc,uts,pid
    expect "pod: a container" 0 '.' p run -d --pod pod --name first bb sh -c 'echo text >/dev/shm/file; sleep 100'
    expect "pod: another sees its processes and its shared memory" 0 '^text yes$' bash -c "until_true p exec first test -e /dev/shm/file; p run --rm --pod pod bb sh -c 'echo \$(cat /dev/shm/file) \$(ps | grep -q \"[s]leep 100\" && echo yes)'"
    expect "pod: the network namespace is one" 0 '^same$' bash -c "a=\$(p run --rm --pod pod bb readlink /proc/self/ns/net); test \"\$a\" = \"\$(p exec first readlink /proc/self/ns/net)\" && echo same"
    expect "generate kube" 0 'kind: Pod' bash -c "p generate kube pod >$WORK/pod.yaml; cat $WORK/pod.yaml"
    expect "pod: rm" 0 '.' p pod rm -f -t 0 pod
    expect "play kube" 0 'Pod:' p play kube --network none "$WORK/pod.yaml"
    expect "play kube: it runs" 0 'pod-first' p ps --format '{{.Names}}'
    expect "play kube: down" 0 '.' p play kube --down "$WORK/pod.yaml"
fi

ids=$(p ps -aq --no-trunc 2>/dev/null)
p rm -fa -t 0 >/dev/null 2>&1
expect "nothing is left: mounts and cgroups" 0 '^$' bash -c "left_over $WORK/data/vfs-containers; for i in $(echo $ids); do left_over \$i; done"
