#!/usr/bin/env bash
# Docker with an OCI runtime: docker.sh RUNTIME [SECTION...]. It needs dockerd, docker, containerd, busybox-static,
# tini (docker-init), python3. The daemon is one of its own: own sockets, own directories, no network.
. "$(dirname "$0")/lib.sh"

cleanup() {
    local ids
    ids=$(d ps -aq) && [ "$ids" ] && d rm -f $ids
}

DOCKER=$(command -v docker)
d() { "$DOCKER" -H "unix://$WORK/docker.sock" "$@"; }
# docker run in the foreground, without a network.
run() { d run --rm --network none "$@"; }
export -f d run
export DOCKER WORK DOCKER_CONFIG=$WORK/config DOCKER_BUILDKIT=0 BUILDKIT_PROGRESS=plain
mkdir "$WORK/config"

start_daemon() {
    daemon dockerd dockerd --data-root "$WORK/data" --exec-root "$WORK/exec" -H "unix://$WORK/docker.sock" \
        --pidfile "$WORK/docker.pid" --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs \
        --live-restore --default-ulimit nofile=1024:1024 --init-path "$(command -v tini-static || command -v docker-init)" \
        --add-runtime "tested=$RUNTIME" --default-runtime tested
    until_true d version || { cat "$WORK/dockerd.log"; echo "dockerd does not start"; exit 1; }
}
start_daemon
busybox_root "$WORK/root"
tar -C "$WORK/root" -c . | d import --change "ENV PATH=/bin" - bb >/dev/null || exit 1

if section run; then
    expect "hello" 0 '^hello$' run bb echo hello
    expect "the runtime that is tested is the one in use" 0 '^tested$' d info --format '{{.DefaultRuntime}}'
    expect "exit status of the command" 7 '^$' run bb sh -c 'exit 7'
    expect "command that is not found" 127 'no-such-command' run bb no-such-command
    expect "command that is not executable" 126 'denied' run bb /bin/not-executable
    expect "command killed by a signal" 139 '^$' run --init bb sh -c 'kill -SEGV $$'
    expect "environment" 0 '^one two$' run -e A=one -e "B=two" bb sh -c 'echo $A $B'
    expect "working directory" 0 '^/home/user$' run -w /home/user bb pwd
    expect "working directory that is made" 0 '^/made/here$' run -w /made/here bb pwd
    expect "host name" 0 '^box$' run --hostname box bb hostname
    expect "standard input" 0 '^TYPED$' bash -c "echo typed | run -i bb tr a-z A-Z"
    expect "PID 1, own PID namespace" 0 '^1 sh$' run bb sh -c 'echo $$ $(cat /proc/1/comm)'

    expect "terminal: is one, has a size, carries an exit status" 3 '30 100.*terminal yes' \
        on_terminal $'stty size; test -t 0 && echo terminal ye""s\nexit 3' run -it bb sh
    expect "terminal: /dev/console, Ctrl-C" 130 '' \
        on_terminal $'test -c /dev/console && sleep 100\n\x03\nexit' run -it bb sh

    mkdir "$WORK/volume"
    expect "volume" 0 '^written$' run -v "$WORK/volume:/v" bb sh -c 'echo written >/v/file; cat /v/file'
    expect "volume: the host sees it" 0 '^written$' cat "$WORK/volume/file"
    expect "volume, read-only" 1 'Read-only' run -v "$WORK/volume:/v:ro" bb sh -c 'echo no >/v/file'
    expect "volume, a file" 0 '^written$' run -v "$WORK/volume/file:/some/where:ro" bb cat /some/where
    expect "volume, named" 0 '^kept$' bash -c "run -v vol:/v bb sh -c 'echo kept >/v/f'; run -v vol:/v bb cat /v/f"
    expect "tmpfs" 0 '^tmpfs 1048576$' run --tmpfs /t:size=1m bb sh -c 'echo $(stat -f -c "%T" /t) $(($(stat -f -c "%b * %S" /t)))'
    expect "shm size" 0 '^2097152$' run --shm-size 2m bb sh -c 'echo $(($(stat -f -c "%b * %S" /dev/shm)))'
    expect "read-only root" 1 'Read-only' run --read-only bb touch /file
    expect "read-only root with a tmpfs" 0 '^yes$' run --read-only --tmpfs /tmp bb sh -c 'touch /tmp/file && echo yes'

    expect "user" 0 '^uid=1000.* gid=1000' run -u 1000:1000 bb id
    expect "user by name, groups" 0 '^uid=1000\(user\) gid=1000\(user\) groups=.*2000\(extra\)' run -u user bb id
    expect "added groups" 0 '3000' run --group-add 3000 bb id -G
    expect "default capabilities" 0 '^CapEff:.00000000a80425fb$' run bb grep CapEff /proc/self/status
    expect "no capabilities" 0 '^CapEff:.0000000000000000 CapBnd:.0000000000000000$' run --cap-drop ALL bb sh -c 'grep -E "CapEff|CapBnd" /proc/self/status'
    expect "one capability" 0 '^CapEff:.0000000000001000$' run --cap-drop ALL --cap-add NET_ADMIN bb grep CapEff /proc/self/status
    expect "capabilities of a user" 0 '^CapEff:.0000000000000000$' run -u 1000 bb grep CapEff /proc/self/status
    expect "no new privileges" 0 '^NoNewPrivs:.1$' run --security-opt no-new-privileges bb grep NoNewPrivs /proc/self/status
    expect "seccomp filter" 0 '^Seccomp:.2$' run bb grep Seccomp: /proc/self/status
    expect "seccomp: unshare is refused" 1 'not permitted' run bb unshare -U true
    expect "seccomp: unconfined" 0 '^Seccomp:.0$' run --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status
    expect "masked paths" 0 '^0 0$' run bb sh -c 'echo $(wc -c </proc/keys) $(ls -A /sys/firmware | grep -c .)'
    expect "read-only paths" 1 'Read-only' run bb sh -c 'echo 1 >/proc/sys/kernel/domainname'
    can_privileged && expect "privileged" 0 '^Seccomp:.0$' run --privileged bb sh -c 'mount -t tmpfs none /root && test -e /dev/kmsg && grep Seccomp: /proc/self/status'
    expect "device" 0 '^crw.* 1, *5 .*/dev/other$' run --device /dev/zero:/dev/other bb ls -l /dev/other
    expect "device that is not allowed" 1 'not permitted' run --cap-add MKNOD bb sh -c 'mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg'
    expect "sysctl" 0 '^12345$' run --sysctl kernel.msgmax=12345 bb cat /proc/sys/kernel/msgmax
    expect "rlimit" 0 '^100 200$' run --ulimit nofile=100:200 bb sh -c 'echo $(ulimit -Sn) $(ulimit -Hn)'
    expect "oom_score_adj" 0 '^500$' run --oom-score-adj 500 bb cat /proc/self/oom_score_adj

    expect "memory limit" 0 '^67108864$' run -m 64m bb cat "$(limit_file memory)"
    expect "memory limit: the command is killed" 137 '' run -m 32m bb sh -c 'tail -c 200m /dev/zero >/dev/null'
    expect "pids limit" 0 '^77$' run --pids-limit 77 bb cat "$(limit_file pids)"
    expect "cpu limit" 0 '^50000' run --cpus 0.5 bb cat "$(limit_file cpu)"
    expect "init" 0 '^(docker-init|tini|init) ' run --init bb sh -c 'cat /proc/1/comm; ps'
    expect "init: exit status" 9 '^$' run --init bb sh -c 'exit 9'
    expect "PID namespace of the host" 0 '^dockerd$' run --pid host bb cat "/proc/$DAEMON/comm"
    expect "network of the host" 0 "^$(readlink /proc/self/ns/net | sed 's/[][]/\\&/g')$" d run --rm --network host bb readlink /proc/self/ns/net

    expect "detached" 0 '^[0-9a-f]{64}$' d run -d --name one --network none bb sh -c 'trap "echo got TERM; exit 5" TERM; echo started; while :; do sleep 0.1; done'
    until_true bash -c "d logs one | grep started"
    expect "ps" 0 'one' d ps --format '{{.Names}}'
    expect "logs" 0 '^started$' d logs one
    expect "stop: the command ends by itself" 0 '^one$' d stop one
    expect "stop: exit status" 0 '^5 exited$' d inspect -f '{{.State.ExitCode}} {{.State.Status}}' one
    expect "logs after the end" 0 'got TERM' d logs one
    expect "start again" 0 '^one$' d start one
    expect "kill with a signal" 0 '^one$' d kill -s TERM one
    expect "wait" 0 '^5$' d wait one
    expect "rm" 0 '^one$' d rm one
    expect "stop: the command ignores SIGTERM" 0 'two' bash -c "d run -d --name two --network none bb sh -c 'trap : TERM; while :; do sleep 0.1; done'; sleep 0.5; d stop -t 1 two"
    expect "stop: SIGKILL" 0 '^137$' d inspect -f '{{.State.ExitCode}}' two
    expect "rm of a running container" 0 'three' bash -c "d run -d --name three --network none bb sleep 100 && d rm -f three"
    expect "network of another container" 0 'same' bash -c "D='$DOCKER -H unix://$WORK/docker.sock'; d run -d --name net --network none bb sleep 100; a=\$(d run --rm --network container:net bb readlink /proc/self/ns/net); test \"\$a\" = \"\$(readlink /proc/\$(d inspect -f '{{.State.Pid}}' net)/ns/net)\" && echo same"
    expect "twenty at a time" 0 '^20$' bash -c "for i in \$(seq 20); do run bb echo yes & done | grep -c yes"
    d rm -f two net >/dev/null 2>&1
fi

if section exec; then
    d run -d --name box --network none bb sh -c 'trap exit TERM; while :; do sleep 0.1; done' >/dev/null
    expect "exec" 0 '^hi$' d exec box echo hi
    expect "exec: exit status" 6 '^$' d exec box sh -c 'exit 6'
    expect "exec: command that is not found" "126|127" 'no-such-command' d exec box no-such-command
    expect "exec: same PID namespace" 0 ' 1 root .*sh -c trap' d exec box ps
    expect "exec: user, directory, environment" 0 '^1000 /tmp x$' d exec -u 1000 -w /tmp -e V=x box sh -c 'echo $(id -u) $(pwd) $V'
    expect "exec: standard input" 0 '^TYPED$' bash -c "echo typed | d exec -i box tr a-z A-Z"
    expect "exec: terminal" 4 'terminal yes' on_terminal $'test -t 0 && echo terminal ye""s\nexit 4' d exec -it box sh
    expect "exec: terminal size" 0 '30 100' on_terminal $'sleep 0.5; stty size\nexit 0' d exec -it box sh
    expect "exec: capabilities, seccomp as the container's" 0 '^CapEff:.00000000a80425fb Seccomp:.2$' d exec box grep -E '^CapEff|^Seccomp:' /proc/self/status
    can_privileged && expect "exec: privileged" 0 '^CapEff:.[0-9a-f]*fffff' d exec --privileged box grep CapEff /proc/self/status
    expect "exec: detached" 0 '^yes$' bash -c "d exec -d box sh -c 'echo yes >/tmp/d'; sleep 1; d exec box cat /tmp/d"
    expect "exec: killed by a signal" 137 '' d exec box sh -c 'kill -9 $$'
    expect "exec: twenty" 0 '^20$' bash -c "for i in \$(seq 20); do d exec box echo yes; done | grep -c yes"
    expect "top" 0 'PID.*sh -c trap' d top box
    expect "stats" 0 '^box [0-9.]+%' d stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' box
    expect "cp into the container" 0 '' d cp "$WORK/root/etc/passwd" box:/tmp/passwd
    expect "cp out of the container" 0 '^user:' bash -c "d cp box:/tmp/passwd - | tar -xO | grep ^user"
    expect "pause" 0 '^box$' d pause box
    expect "paused" 0 '^paused$' d inspect -f '{{.State.Status}}' box
    expect "exec in a paused container" 1 'paused' d exec box true
    expect "unpause" 0 '^box$' d unpause box
    expect "running again" 0 '^running$' d inspect -f '{{.State.Status}}' box
    expect "exec after unpause" 0 '^hi$' d exec box echo hi
    expect "update" 0 '^box$' d update -m 96m --memory-swap -1 --pids-limit 55 --cpus 0.25 box
    expect "update: in effect" 0 '^100663296 55$' d exec box sh -c "echo \$(cat $(limit_file memory)) \$(cat $(limit_file pids))"
    expect "update: a value that cannot be" 1 '.' d update --cpuset-cpus 100000 box
    expect "attach" 0 'tick' bash -c "d run -d --name ticks --network none bb sh -c 'for i in 1 2 3 4 5 6; do sleep 0.5; echo tick; done'; d attach ticks"
    expect "health check" 0 '' d run -d --name healthy --network none --health-cmd 'test -e /tmp' --health-interval 1s bb sleep 100
    expect "health check: healthy" 0 '' until_true bash -c "d inspect -f '{{.State.Health.Status}}' healthy | grep -x healthy"
    expect "restart policy" 0 '' d run -d --name again --network none --restart on-failure:2 bb sh -c 'exit 3'
    expect "restart policy: twice" 0 '' until_true bash -c "d inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' again | grep -x '2 exited 3'"
    mkdir "$WORK/build"
    printf 'FROM bb\nRUN echo built >/made && id -u >>/made\nUSER 1000\nRUN id -u >/tmp/user\nCMD ["cat", "/made", "/tmp/user"]\n' >"$WORK/build/Dockerfile"
    expect "build" 0 '' d build --network none -t built "$WORK/build"
    expect "build: the image" 0 '^built 0 1000$' run built
    expect "commit" 0 '^sha256' d commit box committed
    expect "commit: the image" 0 '^user:' run committed grep ^user /tmp/passwd
    kill "$DAEMON" && wait "$DAEMON"
    start_daemon
    expect "live restore: alive after a restart of the engine" 0 '^running$' d inspect -f '{{.State.Status}}' box
    expect "live restore: exec" 0 '^hi$' d exec box echo hi
    expect "live restore: stop" 0 '^box$' d stop box
    expect "exec in a stopped container" 1 'not running' d exec box true
    d rm -f box ticks healthy again >/dev/null 2>&1
fi

ids=$(d ps -aq)
[ "$ids" ] && d rm -f $ids >/dev/null 2>&1
expect "nothing is left: mounts and cgroups" 0 '^$' left_over "$WORK/exec"
expect "nothing is left: state of the runtime" 0 '^$' bash -c "ls $WORK/exec/runtime-runc/moby 2>/dev/null || ls $WORK/exec/runtimes/tested/moby 2>/dev/null || true"
