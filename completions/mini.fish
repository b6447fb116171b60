# Completion of mini for fish. Generated from the option table: see tests/docs/generated.
# Copy it to a directory such as /usr/share/fish/vendor_completions.d.

# The words from the verb on; nothing while there are global options only.
function __mini_words
    set -l valued --root --log --log-format --rootless
    set -l words (commandline -opc)
    set -e words[1]
    while string match -q -- '-*' "$words[1]"
        contains -- $words[1] $valued; and set -e words[1]
        set -e words[1]
    end
    set -q words[1]; and printf '%s\n' $words
end

# The words from the command on, for `mini run OPTIONS COMMAND`; nothing while there are options only.
function __mini_command
    set -l valued --rootfs --overlay --volume -v --tmpfs --shm-size --device --mount --timeout --stop-signal --stop-timeout --then --pidfile --ready-fd --workdir -w --env -e --env-file --user -u --hostname -h --name -name --network -net --pid --ipc --uts --sysctl --cgroupns --userns --uidmap --gidmap --cap-add --cap-drop --security-opt --ro-path --rw-path --group-add --umask --preserve-fds --memory -m -mem --memory-swap --memory-reservation --memory-swappiness --cpus --cpu-percent -cpu --cpu-shares -c -cpushare --cpu-period --cpu-quota --cpuset-cpus -cpuset --cpuset-mems --pids-limit --ulimit --blkio-weight --cgroup-parent --cgroup-conf --oom-score-adj --report --bundle -b --pid-file --console-socket --bundle -b --pid-file --console-socket --preserve-fds --format -f --bundle -b --pid-file --console-socket --preserve-fds --process -p --env -e --user -u --additional-gids -g --cwd --cgroup --cap -c --apparmor --process-label --format -f --resources -r --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period --cpu-rt-runtime --cpu-idle --cpuset-cpus --cpuset-mems --kernel-memory --kernel-memory-tcp --memory --memory-reservation --memory-swap --pids-limit --interval
    set -l words (__mini_words)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                break
            case '-*'
                contains -- $words[1] $valued; and set -e words[1]
                set -e words[1]
            case '*'
                break
        end
    end
    set -q words[1]; and printf '%s\n' $words
end

function __mini_needs_verb
    test -z "$(__mini_words | string collect)"
end

# Whether options of this verb can follow.
function __mini_options_of
    set -l words (__mini_words)
    test "$words[1]" = $argv[1]; or return 1
    not contains -- -- $words; and test -z "$(__mini_command | string collect)"
end

function __mini_completes_command
    set -l words (__mini_words)
    test "$words[1]" = run; or return 1
    contains -- -- $words; or test -n "$(__mini_command | string collect)"
end

# What fish offers for the command and its arguments.
function __mini_complete_command
    set -l words (__mini_command) (commandline -ct)
    complete -C (string join ' ' -- (string escape -- $words))
end

complete -c mini -f
complete -c mini -n __mini_needs_verb -l version -d 'print the version'
complete -c mini -n __mini_needs_verb -a run -d 'run a command in a container'
complete -c mini -n __mini_needs_verb -a check -d 'test what works on this host'
complete -c mini -n __mini_needs_verb -a help -d 'explain mini or one of its verbs'
complete -c mini -n __mini_needs_verb -a create -d 'create a container from a bundle; its command waits for mini start'
complete -c mini -n __mini_needs_verb -a start -d 'start the command of a created container'
complete -c mini -n __mini_needs_verb -a state -d 'print the state of a container as JSON'
complete -c mini -n __mini_needs_verb -a kill -d 'send a signal to a container\'s process (default: TERM)'
complete -c mini -n __mini_needs_verb -a delete -d 'delete a stopped container and all it has left'
complete -c mini -n __mini_needs_verb -a list -d 'list the containers'
complete -c mini -n __mini_needs_verb -a features -d 'print what mini supports as JSON'
complete -c mini -n __mini_needs_verb -a spec -d 'write a config.json to begin with'
complete -c mini -n __mini_needs_verb -a exec -d 'run a further command in a running container'
complete -c mini -n __mini_needs_verb -a pause -d 'stop all processes of a container where they are'
complete -c mini -n __mini_needs_verb -a resume -d 'let the processes of a paused container go on'
complete -c mini -n __mini_needs_verb -a ps -d 'print the processes of a container'
complete -c mini -n __mini_needs_verb -a update -d 'change the limits of a container'
complete -c mini -n __mini_needs_verb -a events -d 'print what a container uses, and when it ran out of memory'
complete -c mini -n __mini_needs_verb -l root -x -a '(__fish_complete_directories)' -d 'Keep the state of containers in DIR'
complete -c mini -n __mini_needs_verb -l log -r -F -d 'Append errors to FILE as well'
complete -c mini -n __mini_needs_verb -l log-format -x -a 'text json' -d 'Format of the log: text or json'
complete -c mini -n __mini_needs_verb -l debug -d 'Accepted: mini has no debug messages'
complete -c mini -n __mini_needs_verb -l systemd-cgroup -d 'Let systemd make the cgroups'
complete -c mini -n __mini_needs_verb -l rootless -x -a 'true false' -d 'Accepted: mini finds out by itself what its user may do'
complete -c mini -n __mini_needs_verb -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of run' -l rootfs -r -F -d 'Use DIR as the root file system, with its own /proc, /sys and /dev'
complete -c mini -n '__mini_options_of run' -l overlay -r -F -d 'Keep changes to the root file system in UPPER, for one container at a time'
complete -c mini -n '__mini_options_of run' -l read-only -d 'Mount the root file system read-only'
complete -c mini -n '__mini_options_of run' -l volume -s v -r -F -d 'Bind mount a file or directory of the host'
complete -c mini -n '__mini_options_of run' -l tmpfs -x -d 'Mount a tmpfs'
complete -c mini -n '__mini_options_of run' -l shm-size -x -d 'Limit /dev/shm to SIZE bytes'
complete -c mini -n '__mini_options_of run' -l device -r -F -d 'Make a device of the host available'
complete -c mini -n '__mini_options_of run' -l mount -x -a 'type=bind type=tmpfs type=image type=overlay type=proc type=sysfs type=mqueue type=devpts' -d 'Mount in words: type=bind,src=SRC,dst=DST,OPTIONS'
complete -c mini -n '__mini_options_of run' -l interactive -s i -d 'Accepted: standard input is always connected'
complete -c mini -n '__mini_options_of run' -l tty -s t -d 'Allocate a pseudo terminal for the command and connect it to this one'
complete -c mini -n '__mini_options_of run' -l init -d 'Run mini as PID 1, which reaps orphans, and the command as PID 2'
complete -c mini -n '__mini_options_of run' -l timeout -x -d 'End the command after DURATION'
complete -c mini -n '__mini_options_of run' -l stop-signal -x -a 'TERM INT HUP QUIT KILL USR1 USR2' -d 'Signal that asks the command to end, after --timeout or when mini receives SIGTERM'
complete -c mini -n '__mini_options_of run' -l stop-timeout -x -d 'Time between the stop signal and SIGKILL'
complete -c mini -n '__mini_options_of run' -l then -x -a 'poweroff reboot halt panic' -d 'What the machine does when the command has ended, if mini is its first process: poweroff, reboot, halt or panic'
complete -c mini -n '__mini_options_of run' -l pidfile -r -F -d 'Write the command\'s process id on the host to FILE while the command runs'
complete -c mini -n '__mini_options_of run' -l ready-fd -x -d 'Write a newline to file descriptor FD when the command has started'
complete -c mini -n '__mini_options_of run' -l workdir -s w -x -a '(__fish_complete_directories)' -d 'Working directory of the command'
complete -c mini -n '__mini_options_of run' -l env -s e -x -d 'Set an environment variable'
complete -c mini -n '__mini_options_of run' -l env-file -r -F -d 'Set environment variables from FILE, one per line as for --env'
complete -c mini -n '__mini_options_of run' -l user -s u -x -a '(__fish_complete_users)' -d 'Run as USER and GROUP: numbers, or names in the container\'s /etc/passwd and /etc/group'
complete -c mini -n '__mini_options_of run' -l hostname -s h -x -d 'Host name'
complete -c mini -n '__mini_options_of run' -l name -o name -x -d 'Name of the container, used as its host name'
complete -c mini -n '__mini_options_of run' -l network -o net -x -a 'none host' -d 'none: a loopback interface only'
complete -c mini -n '__mini_options_of run' -l pid -x -a 'host' -d 'Share the host\'s process ids'
complete -c mini -n '__mini_options_of run' -l ipc -x -a 'host' -d 'Share the host\'s System V IPC and message queues'
complete -c mini -n '__mini_options_of run' -l uts -x -a 'host' -d 'Share the host\'s host name'
complete -c mini -n '__mini_options_of run' -l sysctl -x -d 'Set a kernel parameter of the container\'s network, ipc or uts namespace'
complete -c mini -n '__mini_options_of run' -l cgroupns -x -a 'host' -d 'Show the host\'s cgroup paths'
complete -c mini -n '__mini_options_of run' -l userns -x -a 'auto keep-id host' -d 'auto: map users to otherwise unused ids of the host'
complete -c mini -n '__mini_options_of run' -l uidmap -x -d 'Map COUNT user ids from IN in the container to OUT on the host'
complete -c mini -n '__mini_options_of run' -l gidmap -x -d 'Map group ids likewise'
complete -c mini -n '__mini_options_of run' -l cap-add -x -a 'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE ALL' -d 'Add capabilities to the default 14, or ALL'
complete -c mini -n '__mini_options_of run' -l cap-drop -x -a 'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE ALL' -d 'Drop capabilities, or ALL'
complete -c mini -n '__mini_options_of run' -l privileged -d 'Keep all capabilities, use no seccomp filter, mask nothing, make /sys writable: only for programs that you trust as yourself'
complete -c mini -n '__mini_options_of run' -l security-opt -x -a 'no-new-privileges=false seccomp=unconfined seccomp= mask= unmask= unmask=all' -d 'no-new-privileges=false: let programs be set-user-id'
complete -c mini -n '__mini_options_of run' -l ro-path -r -F -d 'Restrict file access: allow reading PATH and below'
complete -c mini -n '__mini_options_of run' -l rw-path -r -F -d 'Restrict file access: allow reading and writing PATH and below'
complete -c mini -n '__mini_options_of run' -l group-add -x -d 'Add a supplementary group'
complete -c mini -n '__mini_options_of run' -l umask -x -d 'File mode creation mask in octal'
complete -c mini -n '__mini_options_of run' -l preserve-fds -x -d 'Pass N file descriptors from 3 on'
complete -c mini -n '__mini_options_of run' -l memory -s m -o mem -x -d 'Limit memory, as 64m or 1.5g'
complete -c mini -n '__mini_options_of run' -l memory-swap -x -d 'Limit memory and swap together'
complete -c mini -n '__mini_options_of run' -l memory-reservation -x -d 'Memory to leave to the container when others need it'
complete -c mini -n '__mini_options_of run' -l memory-swappiness -x -d 'How readily memory is swapped out, 0 to 100'
complete -c mini -n '__mini_options_of run' -l cpus -x -d 'Limit CPU time: 0.5 is half of one CPU'
complete -c mini -n '__mini_options_of run' -l cpu-percent -o cpu -x -d 'Limit CPU time in percent of one CPU'
complete -c mini -n '__mini_options_of run' -l cpu-shares -s c -o cpushare -x -d 'Relative CPU weight, 2 to 262144'
complete -c mini -n '__mini_options_of run' -l cpu-period -x -d 'Period of --cpu-quota in microseconds, 1000 to 1000000'
complete -c mini -n '__mini_options_of run' -l cpu-quota -x -d 'CPU time in each period, in microseconds'
complete -c mini -n '__mini_options_of run' -l cpuset-cpus -o cpuset -x -d 'CPUs to run on, as 0-2,5'
complete -c mini -n '__mini_options_of run' -l cpuset-mems -x -d 'Memory nodes to use, as 0,1'
complete -c mini -n '__mini_options_of run' -l pids-limit -x -d 'Limit processes and threads'
complete -c mini -n '__mini_options_of run' -l ulimit -x -a 'as= core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= rtprio= rttime= sigpending= stack=' -d 'Set an rlimit, as nofile=1024:4096 or core=unlimited'
complete -c mini -n '__mini_options_of run' -l blkio-weight -x -d 'Relative disk weight, 10 to 1000'
complete -c mini -n '__mini_options_of run' -l cgroup-parent -r -F -d 'Make the container\'s cgroup in this existing one, even without limits'
complete -c mini -n '__mini_options_of run' -l cgroup-conf -x -d 'Write VALUE to a cgroup file, as memory.high=100000000'
complete -c mini -n '__mini_options_of run' -l oom-score-adj -x -d 'Preference of the OOM killer, -1000 to 1000'
complete -c mini -n '__mini_options_of run' -l rm -d 'Accepted: mini leaves nothing behind in any case'
complete -c mini -n '__mini_options_of run' -l report -r -F -d 'Write a JSON object with exit status and resource usage when the command has ended'
complete -c mini -n '__mini_options_of run' -l dry-run -d 'Print the steps of the launch, perform none'
complete -c mini -n '__mini_options_of run' -l trace -d 'Print each step with its result and time to standard error'
complete -c mini -n '__mini_options_of run' -l help -d 'Print this text'
complete -c mini -n '__mini_options_of run' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'Directory of the bundle'
complete -c mini -n '__mini_options_of run' -l pid-file -r -F -d 'Write the id of the container\'s process to FILE'
complete -c mini -n '__mini_options_of run' -l console-socket -r -F -d 'Send the pseudo terminal of the container to the unix socket SOCKET'
complete -c mini -n '__mini_options_of run' -l no-pivot -d 'Accepted: mini uses chroot where pivot_root is impossible'
complete -c mini -n '__mini_options_of run' -l no-new-keyring -d 'Keep the session keyring of the caller'
complete -c mini -n '__mini_options_of run' -l no-subreaper -d 'Accepted: mini does not become a subreaper'
complete -c mini -n '__mini_options_of run' -l keep -d 'Keep the container when its command has ended'
complete -c mini -n '__mini_options_of run' -l detach -s d -d 'Do not wait for the command'
complete -c mini -n '__mini_options_of run' -a '(__fish_complete_command)'
complete -c mini -n __mini_completes_command -a '(__mini_complete_command)'
complete -c mini -n '__mini_options_of check' -l json -d 'print a JSON object'
complete -c mini -n '__mini_options_of check' -l help -d 'print this text'
complete -c mini -n '__mini_options_of help' -a 'run check help create start state kill delete list features spec exec pause resume ps update events'
complete -c mini -n '__mini_options_of create' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'Directory of the bundle'
complete -c mini -n '__mini_options_of create' -l pid-file -r -F -d 'Write the id of the container\'s process to FILE'
complete -c mini -n '__mini_options_of create' -l console-socket -r -F -d 'Send the pseudo terminal of the container to the unix socket SOCKET'
complete -c mini -n '__mini_options_of create' -l preserve-fds -x -d 'Pass N further file descriptors of the caller, from 3 on, to the command'
complete -c mini -n '__mini_options_of create' -l no-pivot -d 'Accepted: mini uses chroot where pivot_root is impossible'
complete -c mini -n '__mini_options_of create' -l no-new-keyring -d 'Keep the session keyring of the caller'
complete -c mini -n '__mini_options_of create' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of create' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of start' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of start' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of state' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of state' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of kill' -l all -s a -d 'Send the signal to all processes of the container'
complete -c mini -n '__mini_options_of kill' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of kill' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of delete' -l force -s f -d 'Kill the container first if it is not stopped'
complete -c mini -n '__mini_options_of delete' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of delete' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of list' -l format -s f -x -a 'table json' -d 'Print a table or JSON: table or json'
complete -c mini -n '__mini_options_of list' -l quiet -s q -d 'Print the ids only'
complete -c mini -n '__mini_options_of list' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of features' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of spec' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'Directory of the bundle'
complete -c mini -n '__mini_options_of spec' -l rootless -d 'Write a configuration for an ordinary user'
complete -c mini -n '__mini_options_of spec' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of exec' -l pid-file -r -F -d 'Write the id of the container\'s process to FILE'
complete -c mini -n '__mini_options_of exec' -l console-socket -r -F -d 'Send the pseudo terminal of the container to the unix socket SOCKET'
complete -c mini -n '__mini_options_of exec' -l preserve-fds -x -d 'Pass N further file descriptors of the caller, from 3 on, to the command'
complete -c mini -n '__mini_options_of exec' -l process -s p -r -F -d 'Read the process from FILE, a process.json'
complete -c mini -n '__mini_options_of exec' -l tty -s t -d 'Give the command a pseudo terminal'
complete -c mini -n '__mini_options_of exec' -l env -s e -x -d 'Set an environment variable'
complete -c mini -n '__mini_options_of exec' -l user -s u -x -a '(__fish_complete_users)' -d 'Run as this user'
complete -c mini -n '__mini_options_of exec' -l additional-gids -s g -x -d 'Add a supplementary group'
complete -c mini -n '__mini_options_of exec' -l cwd -x -a '(__fish_complete_directories)' -d 'Working directory of the command'
complete -c mini -n '__mini_options_of exec' -l cgroup -r -F -d 'Run in this cgroup below the container\'s'
complete -c mini -n '__mini_options_of exec' -l cap -s c -x -d 'Add a capability'
complete -c mini -n '__mini_options_of exec' -l no-new-privs -d 'Let no program give more rights than its caller has'
complete -c mini -n '__mini_options_of exec' -l apparmor -x -d 'AppArmor profile of the command'
complete -c mini -n '__mini_options_of exec' -l process-label -x -d 'SELinux label of the command'
complete -c mini -n '__mini_options_of exec' -l ignore-paused -d 'Wait until a paused container goes on'
complete -c mini -n '__mini_options_of exec' -l detach -s d -d 'Do not wait for the command'
complete -c mini -n '__mini_options_of exec' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of exec' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of pause' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of pause' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of resume' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of resume' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of ps' -l format -s f -x -a 'table json' -d 'Print a table or JSON: table or json'
complete -c mini -n '__mini_options_of ps' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of ps' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of update' -l resources -s r -r -F -d 'Read the limits from FILE, as JSON'
complete -c mini -n '__mini_options_of update' -l blkio-weight -x -d 'Relative weight of block I/O, 10 to 1000'
complete -c mini -n '__mini_options_of update' -l cpu-period -x -d 'Period of the CPU limit in microseconds'
complete -c mini -n '__mini_options_of update' -l cpu-quota -x -d 'CPU time in each period in microseconds'
complete -c mini -n '__mini_options_of update' -l cpu-burst -x -d 'Unused CPU time that can be saved up, in microseconds'
complete -c mini -n '__mini_options_of update' -l cpu-share -x -d 'Relative CPU weight, 2 to 262144'
complete -c mini -n '__mini_options_of update' -l cpu-rt-period -x -d 'Period of realtime scheduling in microseconds'
complete -c mini -n '__mini_options_of update' -l cpu-rt-runtime -x -d 'Realtime scheduling in each such period in microseconds'
complete -c mini -n '__mini_options_of update' -l cpu-idle -x -d '1: run only when nothing else wants to'
complete -c mini -n '__mini_options_of update' -l cpuset-cpus -x -d 'CPUs, as 0-2,5'
complete -c mini -n '__mini_options_of update' -l cpuset-mems -x -d 'Memory nodes'
complete -c mini -n '__mini_options_of update' -l kernel-memory -x -d 'Kernel memory'
complete -c mini -n '__mini_options_of update' -l kernel-memory-tcp -x -d 'Buffers of TCP'
complete -c mini -n '__mini_options_of update' -l memory -x -d 'Memory'
complete -c mini -n '__mini_options_of update' -l memory-reservation -x -d 'Memory the container keeps when memory is short'
complete -c mini -n '__mini_options_of update' -l memory-swap -x -d 'Memory and swap together'
complete -c mini -n '__mini_options_of update' -l pids-limit -x -d 'Processes and threads at a time'
complete -c mini -n '__mini_options_of update' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of update' -a '(command -q mini; and mini list -q 2>/dev/null)'
complete -c mini -n '__mini_options_of events' -l stats -d 'Print once, and end'
complete -c mini -n '__mini_options_of events' -l interval -x -d 'Time between two prints'
complete -c mini -n '__mini_options_of events' -l help -s h -d 'Print this text'
complete -c mini -n '__mini_options_of events' -a '(command -q mini; and mini list -q 2>/dev/null)'
