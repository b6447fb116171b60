# Completion of mini for bash. Generated from the option table: see tests/docs/generated.
# Copy it to /usr/share/bash-completion/completions/mini, or source it.

_mini_words() {
    COMPREPLY=($(compgen -W "$1" -- "$2"))
    # A word that ends with = is to be continued.
    [[ ${#COMPREPLY[@]} = 1 && ${COMPREPLY[0]} = *= ]] && compopt -o nospace 2>/dev/null
    return 0
}

_mini_files() {
    local IFS=$'\n'
    COMPREPLY=($(compgen "$1" -- "$2"))
    compopt -o filenames 2>/dev/null
    return 0
}

_mini() {
    local current=${COMP_WORDS[COMP_CWORD]} verb=
    local options valued operand at=1 word option=
    COMPREPLY=()
    # Options before the verb.
    while [ "$at" -lt "$COMP_CWORD" ] && [[ ${COMP_WORDS[at]} = -* ]]; do
        word=${COMP_WORDS[at]}
        case " --root --log --log-format --rootless " in
        *" $word "*)
            option=$word
            at=$((at + 1))
            [ "${COMP_WORDS[at]}" != = ] || [ "$at" = "$COMP_CWORD" ] || at=$((at + 1))
            [ "$at" -ge "$COMP_CWORD" ] || option=
            ;;
        esac
        at=$((at + 1))
    done
    if [ "$at" -lt "$COMP_CWORD" ]; then
        verb=${COMP_WORDS[at]}
        at=$((at + 1))
    elif [ -z "$option" ]; then
        case $current in
        -*) _mini_words '--root --log --log-format --debug --systemd-cgroup --rootless -h --help --version' "$current" ;;
        *) _mini_words 'run check help create start state kill delete list features spec exec pause resume ps update events' "$current" ;;
        esac
        return
    fi
    case $verb in
    '') ;;
    run)
        options='--rootfs --overlay --read-only -v --volume --tmpfs --shm-size --device --mount -i --interactive -t --tty --init --timeout --stop-signal --stop-timeout --then --pidfile --ready-fd -w --workdir -e --env --env-file -u --user -h --hostname --name -name --network -net --pid --ipc --uts --sysctl --cgroupns --userns --uidmap --gidmap --cap-add --cap-drop --privileged --security-opt --ro-path --rw-path --group-add --umask --preserve-fds -m --memory -mem --memory-swap --memory-reservation --memory-swappiness --cpus --cpu-percent -cpu -c --cpu-shares -cpushare --cpu-period --cpu-quota --cpuset-cpus -cpuset --cpuset-mems --pids-limit --ulimit --blkio-weight --cgroup-parent --cgroup-conf --oom-score-adj --rm --report --dry-run --trace --help -b --bundle --pid-file --console-socket --no-pivot --no-new-keyring --no-subreaper --keep -d --detach'
        valued='--rootfs --overlay -v --volume --tmpfs --shm-size --device --mount --timeout --stop-signal --stop-timeout --then --pidfile --ready-fd -w --workdir -e --env --env-file -u --user -h --hostname --name -name --network -net --pid --ipc --uts --sysctl --cgroupns --userns --uidmap --gidmap --cap-add --cap-drop --security-opt --ro-path --rw-path --group-add --umask --preserve-fds -m --memory -mem --memory-swap --memory-reservation --memory-swappiness --cpus --cpu-percent -cpu -c --cpu-shares -cpushare --cpu-period --cpu-quota --cpuset-cpus -cpuset --cpuset-mems --pids-limit --ulimit --blkio-weight --cgroup-parent --cgroup-conf --oom-score-adj --report -b --bundle --pid-file --console-socket'
        operand=command
        ;;
    check)
        options='--json --help'
        valued=''
        operand=none
        ;;
    help)
        options=''
        valued=''
        operand=verb
        ;;
    create)
        options='-b --bundle --pid-file --console-socket --preserve-fds --no-pivot --no-new-keyring -h --help'
        valued='-b --bundle --pid-file --console-socket --preserve-fds'
        operand=id
        ;;
    start)
        options='-h --help'
        valued=''
        operand=id
        ;;
    state)
        options='-h --help'
        valued=''
        operand=id
        ;;
    kill)
        options='-a --all -h --help'
        valued=''
        operand=id
        ;;
    delete)
        options='-f --force -h --help'
        valued=''
        operand=id
        ;;
    list)
        options='-f --format -q --quiet -h --help'
        valued='-f --format'
        operand=none
        ;;
    features)
        options='-h --help'
        valued=''
        operand=none
        ;;
    spec)
        options='-b --bundle --rootless -h --help'
        valued='-b --bundle'
        operand=none
        ;;
    exec)
        options='--pid-file --console-socket --preserve-fds -p --process -t --tty -e --env -u --user -g --additional-gids --cwd --cgroup -c --cap --no-new-privs --apparmor --process-label --ignore-paused -d --detach -h --help'
        valued='--pid-file --console-socket --preserve-fds -p --process -e --env -u --user -g --additional-gids --cwd --cgroup -c --cap --apparmor --process-label'
        operand=id
        ;;
    pause)
        options='-h --help'
        valued=''
        operand=id
        ;;
    resume)
        options='-h --help'
        valued=''
        operand=id
        ;;
    ps)
        options='-f --format -h --help'
        valued='-f --format'
        operand=id
        ;;
    update)
        options='-r --resources --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period --cpu-rt-runtime --cpu-idle --cpuset-cpus --cpuset-mems --kernel-memory --kernel-memory-tcp --memory --memory-reservation --memory-swap --pids-limit -h --help'
        valued='-r --resources --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period --cpu-rt-runtime --cpu-idle --cpuset-cpus --cpuset-mems --kernel-memory --kernel-memory-tcp --memory --memory-reservation --memory-swap --pids-limit'
        operand=id
        ;;
    events)
        options='--stats --interval -h --help'
        valued='--interval'
        operand=id
        ;;
    *) return ;;
    esac
    # Which option the present word is the value of, and whether the command has begun before it.
    while [ "$at" -lt "$COMP_CWORD" ]; do
        word=${COMP_WORDS[at]}
        case $word in
        --)
            operand+=_begun
            at=$((at + 1))
            break
            ;;
        -*)
            option=
            case " $valued " in
            *" $word "*) option=$word ;;
            esac
            # bash takes --name=value apart into three words, and a:b likewise.
            if [ "${COMP_WORDS[at + 1]}" = = ]; then
                at=$((at + 1))
                [ -n "$option" ] || option=$word
            fi
            [ -z "$option" ] || at=$((at + 1))
            while [ "$at" -lt "$COMP_CWORD" ] && [ "${COMP_WORDS[at + 1]}" = : ]; do at=$((at + 2)); done
            [ "$at" -lt "$COMP_CWORD" ] && option=
            ;;
        *)
            operand+=_begun
            break
            ;;
        esac
        at=$((at + 1))
    done
    if [ -n "$option" ]; then
        case $current in = | :) current= ;; esac
        case $verb:$option in
        :--root) _mini_files -d "$current" ;;
        :--log) _mini_files -f "$current" ;;
        :--log-format) _mini_words 'text json' "$current" ;;
        :--rootless) _mini_words 'true false' "$current" ;;
        run:--rootfs) _mini_files -f "$current" ;;
        run:--overlay) _mini_files -f "$current" ;;
        run:-v | run:--volume) _mini_files -f "$current" ;;
        run:--device) _mini_files -f "$current" ;;
        run:--mount) _mini_words 'type=bind type=tmpfs type=image type=overlay type=proc type=sysfs type=mqueue type=devpts' "$current" ;;
        run:--stop-signal) _mini_words 'TERM INT HUP QUIT KILL USR1 USR2' "$current" ;;
        run:--then) _mini_words 'poweroff reboot halt panic' "$current" ;;
        run:--pidfile) _mini_files -f "$current" ;;
        run:-w | run:--workdir) _mini_files -d "$current" ;;
        run:--env-file) _mini_files -f "$current" ;;
        run:-u | run:--user) _mini_words "$(compgen -u)" "$current" ;;
        run:--network | run:-net) _mini_words 'none host' "$current" ;;
        run:--pid) _mini_words 'host' "$current" ;;
        run:--ipc) _mini_words 'host' "$current" ;;
        run:--uts) _mini_words 'host' "$current" ;;
        run:--cgroupns) _mini_words 'host' "$current" ;;
        run:--userns) _mini_words 'auto keep-id host' "$current" ;;
        run:--cap-add) _mini_words 'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE ALL' "$current" ;;
        run:--cap-drop) _mini_words 'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE ALL' "$current" ;;
        run:--security-opt) _mini_words 'no-new-privileges=false seccomp=unconfined seccomp= mask= unmask= unmask=all' "$current" ;;
        run:--ro-path) _mini_files -f "$current" ;;
        run:--rw-path) _mini_files -f "$current" ;;
        run:--ulimit) _mini_words 'as= core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= rtprio= rttime= sigpending= stack=' "$current" ;;
        run:--cgroup-parent) _mini_files -f "$current" ;;
        run:--report) _mini_files -f "$current" ;;
        run:-b | run:--bundle) _mini_files -d "$current" ;;
        run:--pid-file) _mini_files -f "$current" ;;
        run:--console-socket) _mini_files -f "$current" ;;
        create:-b | create:--bundle) _mini_files -d "$current" ;;
        create:--pid-file) _mini_files -f "$current" ;;
        create:--console-socket) _mini_files -f "$current" ;;
        list:-f | list:--format) _mini_words 'table json' "$current" ;;
        spec:-b | spec:--bundle) _mini_files -d "$current" ;;
        exec:--pid-file) _mini_files -f "$current" ;;
        exec:--console-socket) _mini_files -f "$current" ;;
        exec:-p | exec:--process) _mini_files -f "$current" ;;
        exec:-u | exec:--user) _mini_words "$(compgen -u)" "$current" ;;
        exec:--cwd) _mini_files -d "$current" ;;
        exec:--cgroup) _mini_files -f "$current" ;;
        ps:-f | ps:--format) _mini_words 'table json' "$current" ;;
        update:-r | update:--resources) _mini_files -f "$current" ;;
        esac
        return
    fi
    case $operand in
    command_begun)
        if [ "$at" = "$COMP_CWORD" ]; then
            _mini_words "$(compgen -c -- "$current")" "$current"
        elif declare -F _command_offset >/dev/null; then
            _command_offset "$at"
        else
            _mini_files -f "$current"
        fi
        return
        ;;
    *_begun) return ;;
    esac
    case $current in
    -*) _mini_words "$options" "$current" ;;
    *)
        case $operand in
        command)
            COMPREPLY=($(compgen -c -- "$current"))
            ;;
        verb) _mini_words 'run check help create start state kill delete list features spec exec pause resume ps update events' "$current" ;;
        id) _mini_words "$(mini list -q 2>/dev/null)" "$current" ;;
        none) _mini_words "$options" "$current" ;;
        esac
        ;;
    esac
}

complete -F _mini mini
