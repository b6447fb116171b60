#!/usr/bin/env bash
# containerd with an OCI runtime: containerd.sh RUNTIME [SECTION...]. It needs containerd and its ctr, podman (which
# makes the image), busybox-static, python3. The daemon is one of its own: own socket, own directories.
. "$(dirname "$0")/lib.sh"

cleanup() {
    local id
    for id in $(c task ls -q); do c task kill -s KILL "$id"; done
    sleep 1
    for id in $(c task ls -q); do c task rm -f "$id"; done
    for id in $(c container ls -q); do c container rm "$id"; done
}

export RUNTIME WORK IMAGE=localhost/bb:latest
c() { ctr -a "$WORK/containerd.sock" "$@"; }
# ctr run OPTIONS IMAGE ID COMMAND: the options first, then "--", then the command.
run() {
    local options=()
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    c run --rm --runc-binary "$RUNTIME" --snapshotter native "${options[@]}" "$IMAGE" "run-$BASHPID-$RANDOM" "$@"
}
start() { # ID OPTIONS... -- COMMAND...
    local id=$1 options=()
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    c run -d --runc-binary "$RUNTIME" --snapshotter native "${options[@]}" "$IMAGE" "$id" "$@"
}
export -f c run start

cat >"$WORK/containerd.toml" <<EOF
version = 2
root = "$WORK/data"
state = "$WORK/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$WORK/containerd.sock"
[ttrpc]
address = "$WORK/containerd.sock.ttrpc"
EOF
daemon containerd containerd --config "$WORK/containerd.toml"
until_true c version || { cat "$WORK/containerd.log"; echo "containerd does not start"; exit 1; }

busybox_root "$WORK/root"
printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$WORK/image/state" "$WORK/image/data" >"$WORK/storage.conf"
export CONTAINERS_STORAGE_CONF=$WORK/storage.conf
tar -C "$WORK/root" -c . | podman --log-level error import -q --change "ENV PATH=/bin" - bb >/dev/null || exit 1
podman --log-level error save -q --format oci-archive -o "$WORK/bb.tar" localhost/bb || exit 1
c images import --snapshotter native "$WORK/bb.tar" >/dev/null || exit 1

if section run; then
    expect "hello" 0 '^hello$' run -- echo hello
    expect "exit status of the command" 7 '' run -- sh -c 'exit 7'
    expect "command that is not found" 1 'no-such-command' run -- no-such-command
    expect "command that is not executable" 1 'denied' run -- /bin/not-executable
    expect "environment" 0 '^one$' run --env A=one -- sh -c 'echo $A'
    expect "working directory" 0 '^/home/user$' run --cwd /home/user -- pwd
    expect "PID 1, own PID namespace" 0 '^1 sh$' run -- sh -c 'echo $$ $(cat /proc/1/comm)'
    expect "terminal: is one, has a size, carries an exit status" 3 '30 100.*terminal yes' \
        on_terminal $'sleep 0.5; stty size; test -t 0 && echo terminal ye""s\nexit 3' run -t -- sh
    mkdir "$WORK/volume"
    expect "volume" 0 '^written$' run --mount "type=bind,src=$WORK/volume,dst=/v,options=rbind:rw" -- sh -c 'echo written >/v/file; cat /v/file'
    expect "volume: the host sees it" 0 '^written$' cat "$WORK/volume/file"
    expect "volume, read-only" 1 'Read-only' run --mount "type=bind,src=$WORK/volume,dst=/v,options=rbind:ro" -- sh -c 'echo no >/v/file'
    expect "tmpfs" 0 '^tmpfs$' run --mount type=tmpfs,src=tmpfs,dst=/t,options=size=1m -- stat -f -c %T /t
    expect "read-only root" 1 'Read-only' run --read-only -- touch /file
    expect "default capabilities" 0 '^CapEff:.00000000a80425fb$' run -- grep CapEff /proc/self/status
    expect "one capability more" 0 '^CapEff:.00000000a80435fb$' run --cap-add CAP_NET_ADMIN -- grep CapEff /proc/self/status
    expect "one capability less" 0 '^CapEff:.00000000a80425fa$' run --cap-drop CAP_CHOWN -- grep CapEff /proc/self/status
    expect "no new privileges" 0 '^NoNewPrivs:.1$' run -- grep NoNewPrivs /proc/self/status
    expect "seccomp filter" 0 '^Seccomp:.2$' run --seccomp -- grep Seccomp: /proc/self/status
    expect "masked paths" 0 '^0 0$' run -- sh -c 'echo $(wc -c </proc/keys) $(ls -A /sys/firmware | grep -c .)'
    expect "read-only paths" 1 'Read-only' run -- sh -c 'echo 1 >/proc/sys/kernel/domainname'
    can_privileged && expect "privileged" 0 'yes' run --privileged -- sh -c 'mount -t tmpfs none /root && echo yes'
    expect "device" 0 '^c' run --device /dev/kmsg -- ls -l /dev/kmsg
    expect "memory limit" 0 '^67108864$' run --memory-limit 67108864 --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro -- cat "$(limit_file memory)"
    expect "memory limit: the command is killed" 137 '' run --memory-limit 33554432 -- sh -c 'exec tail -c 200m /dev/zero >/dev/null'
    expect "cpu limit" 0 '^50000' run --cpus 0.5 --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro -- cat "$(limit_file cpu)"
    expect "network of the host" 0 "^$(readlink /proc/self/ns/net | sed 's/[][]/\\&/g')$" run --net-host -- readlink /proc/self/ns/net
    expect "network namespace by path" 0 "^$(readlink /proc/self/ns/net | sed 's/[][]/\\&/g')$" run --with-ns "network:/proc/$$/ns/net" -- readlink /proc/self/ns/net

    expect "detached" 0 '' start one -- sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
    expect "task ls" 0 'one +[0-9]+ +RUNNING' c task ls
    sleep 0.5
    expect "kill with a signal" 0 '' c task kill -s TERM one
    expect "stopped" 0 '' until_true bash -c "c task ls | grep -E 'one +[0-9]+ +STOPPED'"
    expect "delete: exit status" 0 'exit code 5"$' c task delete one
    expect "start again" 0 '' c task start -d one
    expect "kill with SIGKILL" 0 '' c task kill -s KILL one
    expect "stopped again" 0 '' until_true bash -c "c task ls | grep -E 'one +[0-9]+ +STOPPED'"
    expect "delete: exit status of a killed one" 0 'exit code 137"$' c task delete one
    expect "container rm" 0 '' c container rm one
    expect "delete of a running task" 0 '' bash -c "start two -- sleep 100 && c task delete -f two && c container rm two"
    expect "ten at a time" 0 '^10$' bash -c 'for i in $(seq 10); do run -- echo yes & done | grep -c yes'
fi

if section exec; then
    start box -- sh -c 'trap exit TERM; while :; do sleep 0.1; done'
    expect "exec" 0 '^hi$' c task exec --exec-id a box echo hi
    expect "exec: exit status" 6 '' c task exec --exec-id b box sh -c 'exit 6'
    expect "exec: command that is not found" 1 'no-such-command' c task exec --exec-id c box no-such-command
    expect "exec: user, directory" 0 '^1000 /tmp$' c task exec --exec-id d --user 1000 --cwd /tmp box sh -c 'echo $(id -u) $(pwd)'
    expect "exec: terminal" 4 'terminal yes' on_terminal $'test -t 0 && echo terminal ye""s\nexit 4' c task exec -t --exec-id e box sh
    expect "exec: terminal size" 0 '30 100' on_terminal $'sleep 0.5; stty size\nexit 0' c task exec -t --exec-id f box sh
    expect "exec: twenty" 0 '^20$' bash -c 'for i in $(seq 20); do c task exec --exec-id "x$i" box echo yes; done | grep -c yes'
    expect "ps" 0 'PID' c task ps box
    expect "metrics" 0 'memory|MEMORY' c task metrics box
    expect "pause" 0 '' c task pause box
    expect "paused" 0 'box +[0-9]+ +PAUSED' c task ls
    expect "exec in a paused container" 1 'paused' c task exec --exec-id g box true
    expect "resume" 0 '' c task resume box
    expect "running again" 0 'box +[0-9]+ +RUNNING' c task ls
    expect "exec after resume" 0 '^hi$' c task exec --exec-id h box echo hi
    expect "kill of all" 0 '' c task kill -a -s KILL box
    expect "stopped" 0 '' until_true bash -c "c task ls | grep -E 'box +[0-9]+ +STOPPED'"
    expect "delete" 0 'exit code 137"$' c task delete box
    expect "container rm" 0 '' c container rm box
fi

cleanup >/dev/null 2>&1
expect "nothing is left: mounts and cgroups" 0 '^$' bash -c 'left_over "$WORK/state"; left_over /default/run-; left_over /default/one; left_over /default/box'
expect "nothing is left: state of the runtime" 0 '^$' bash -c 'ls /run/containerd/runc/default 2>/dev/null | grep -E "^(run-|one|two|box)"; true'
