# Roots whose links are made to lead to the host, on this kernel's way to have a root: on an initramfs by
# chroot(2), on a disk by pivot_root(2), or from Linux 7.0 on by a mount namespace of the root alone.
# Prints a line for each promise.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
mkdir -p /proc /sys /dev /tmp /outside
mount -t proc proc /proc
mount -t sysfs sysfs /sys
[ -e /dev/zero ] || mount -t devtmpfs devtmpfs /dev
echo secret >/outside/secret
pattern=$(cat /proc/sys/kernel/core_pattern)

make() { # a root at /r
    rm -rf /r
    mkdir -p /r/bin /r/d /r/etc /r/mnt /r/proc /r/sys /r/dev /r/tmp
    ln /bin/busybox /r/bin/busybox 2>/dev/null || cp /bin/busybox /r/bin/busybox
    for applet in sh ls cat touch ash; do ln -s busybox /r/bin/$applet; done
}
probe='for p in / /proc /sys /dev /etc /mnt /w . ..; do
    for s in $p/outside/secret $p/../outside/secret; do [ -e $s ] && echo OUT $s; done
    touch $p/made-by-probe 2>/dev/null; done
    [ -e /proc/sys/kernel/core_pattern ] && (: >> /proc/sys/kernel/core_pattern) 2>/dev/null && echo OPEN; exit 42'
# What came of it: nothing, or a refusal in one line.
try() { # OPTIONS...
    mini run "$@" --rootfs /r -- /bin/sh -c "$probe" >/tmp/out 2>/tmp/error
    status=$?
    case $status in
    42) [ ! -s /tmp/out ] || echo "reached: $(tr '\n' ' ' </tmp/out)" ;;
    125 | 126 | 127) [ "$(wc -l </tmp/error)" = 1 ] || echo "said: $(tr '\n' ' ' </tmp/error)" ;;
    *) echo "status $status: $(tr '\n' ' ' </tmp/error)" ;;
    esac
}
for place in proc sys dev etc mnt w; do
    got=
    for spelling in .. ../.. /.. / . // ./. d/.. ../proc/.. /proc/self/root /nowhere /tmp; do
        make
        rmdir /r/$place 2>/dev/null
        ln -s $spelling /r/$place
        case $place in
        mnt) options="-v /outside:/mnt/v" ;;
        w) options="-w /w" ;;
        *) options="-u daemon" ;;
        esac
        for init in "" --init; do
            # shellcheck disable=SC2086 # several words
            got="$got$(try $options $init)"
        done
    done
    check "links at /$place lead nowhere" "" "$got"
done
rm -rf /r
check "nothing was made on the host" "" "$(ls -d /made-by-probe /*/made-by-probe 2>/dev/null)"
check "nor changed" "$pattern secret" "$(cat /proc/sys/kernel/core_pattern) $(cat /outside/secret)"

# The command through a descriptor.
make
cp /bin/busybox /outside/ash
got=
for fd in 3 4 5 6 7 8 9; do
    for up in "" /.. /../..; do
        ln -sf /proc/self/fd/$fd$up/ash /r/bin/evil
        ln -sf /proc/self/fd/$fd$up/outside/ash /r/bin/ash
        (exec 9</outside && exec mini run --rootfs /r -- /bin/ash -c 'exit 43') 2>/dev/null
        case $? in 125 | 126 | 127) ;; *) got="$got $fd$up" ;; esac
    done
done
check "the command is no way to a descriptor" "" "$got"

# A device that is alive beside the root.
make
mknod /r/null c 1 3
mkdir -p /r/below && mount -t tmpfs below /r/below && mknod /r/below/null c 1 3
alive='for f in /null /below/null; do (: <$f) 2>/dev/null && echo ALIVE $f; done; :'
check "devices of the root are none" "" "$(mini run --rootfs /r -- /bin/sh -c "$alive" 2>&1)"
check "a read-only root is so below" "" "$(mini run --read-only --rootfs /r -- /bin/sh -c 'touch /below/x 2>/dev/null && echo MADE' 2>&1)"
umount /r/below

# Process 1 is mini's program, and not the host's file.
before=$(ls -l /bin/mini)
mini run --init --cap-add SYS_PTRACE --cap-drop SYS_ADMIN --rootfs /r -- /bin/busybox chmod 6777 /proc/1/exe 2>/dev/null
check "mini's file is as it was" "$before" "$(ls -l /bin/mini)"
