# On the initramfs itself, with nothing mounted: the command runs, a root of its own covers the
# initramfs, and whoever is inside does not get back to it. Prints a line for each promise.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}

mkdir -p /r/bin /r/etc
cp /bin/busybox /r/bin/
for applet in sh ls umount mount id cat chroot mkdir unshare echo tr; do
    ln -s busybox /r/bin/$applet
done
echo secret >/secret

check "a command runs as process 1" "1" "$(mini run -- sh -c 'echo $$')"
mini run -- sh -c 'exit 7'
check "its status is mini's" 7 $?
mini run -- sh -c 'kill -9 $$; exit 3'
check "process 1 cannot kill itself" 3 $?
inside() { mini run --rootfs /r -- sh -c "$1" 2>&1; }
check "a root of its own" "bin dev etc proc sys" "$(inside 'ls /' | tr '\n' ' ' | sed 's/ $//')"
check "it cannot be unmounted" "bin dev etc proc sys" \
    "$(inside 'umount -l / 2>/dev/null; ls /' | tr '\n' ' ' | sed 's/ $//')"
check "nor in a mount namespace of one's own" "denied" \
    "$(inside 'unshare -m umount -l / 2>/dev/null || echo denied')"
check "nor in a user namespace of one's own" "denied" \
    "$(inside 'unshare -Urm umount -l / 2>/dev/null || echo denied')"
check "dot dot does not lead out" "" \
    "$(inside 'mkdir -p /x/bin; cd /; ls ../../../secret ../../init 2>/dev/null')"
check "chroot does not lead out" "" "$(inside '
    mkdir -p /x/bin; cp /bin/busybox /x/bin/sh; cd /; chroot /x /bin/sh -c "
    cd ../../../..; [ -e secret ] && echo out" 2>/dev/null')"
check "the old root is no longer mounted on anything seen" 1 \
    "$(inside 'cat /proc/mounts' | grep -c ' / ')"

mkdir -p /proc
mount -t proc proc /proc
check "the same with /proc mounted" "denied" "$(inside 'umount -l / 2>/dev/null || echo denied')"
mount -t tmpfs tmpfs /r/etc
check "mounts in the root come along" "tmpfs" "$(inside 'cat /proc/mounts' | grep ' /etc ' | cut -d' ' -f3)"
check "nothing is left mounted" 3 "$(grep -c . /proc/mounts)"

# The terminal: without devpts there is none to give; with it there is.
mini run -t -- true 2>/tmp/error
check "no terminal without devpts" "125 1" "$? $(grep -c 'mount devpts' /tmp/error)"
check "one in a root of its own" "/dev/pts/0" "$(mini run -t --rootfs /r -- sh -c 'readlink /proc/self/fd/0' | tr -d '\r')"
check "init collects, also here" "2 5" "$(mini run --init -- sh -c 'echo $$; exit 5' | tr -d "\n"; mini run --init -- sh -c "exit 5"; echo " $?")"
mini run --timeout 1 -- sleep 100
check "a timeout" 124 $?
mini check >/tmp/check
check "mini check finds that it works here" "0 ok" "$? $(sed -n 's/ *plain run.*//p' /tmp/check)"
check "and what does not" "missing" "$(sed -n 's/ *terminal .*//p' /tmp/check)"
