# A machine with a disk for its root, where the new root is switched to by pivot_root(2) or, from Linux 7.0
# on, is all there is in the mount namespace that is made: the same is seen inside, and nothing of it outside.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
mkdir -p /proc /sys /r/bin /r/mnt /v/below /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
cp /bin/busybox /r/bin/
for applet in sh ls cat umount mount mkdir chroot grep cut touch unshare readlink sleep; do ln -s busybox /r/bin/$applet; done
echo secret >/secret
# As systemd has it: what anybody mounts, everybody sees who does not take care.
mount -o bind /r /r
mount --make-rshared /
mount -t tmpfs tmpfs /r/mnt
touch /r/mnt/came-along
mount -t tmpfs volume /v
mkdir /v/below && mount -t tmpfs below /v/below

major=$(uname -r | cut -d. -f1)
[ "$major" -ge 7 ] && way=new || way=pivot_root
check "the way that this kernel has" $way "$(mini run --dry-run --rootfs /r sh | sed -n 's/^\(new\) mount namespace \/r$/\1/p; s/^pivot_root$/&/p')"
check "without /proc nothing tells whether a new one may be mounted" pivot_root \
    "$(umount /proc; mini run --dry-run --rootfs /r sh | grep pivot_root; mount -t proc proc /proc)"
cp /proc/mounts /tmp/before

inside() { mini run "$@" 2>&1; }
list='for line in $(cut -d" " -f2 /proc/mounts); do echo $line; done'
check "what is mounted" "/ /mnt /dev /dev/pts /dev/shm /dev/mqueue /proc /sys" \
    "$(inside --security-opt unmask=all --rootfs /r -- sh -c "$list" | tr '\n' ' ' | sed 's/ $//')"
check "what is in the root comes along" came-along "$(inside --rootfs /r -- ls /mnt)"
check "the root" "bin dev mnt proc sys" "$(inside --rootfs /r -- ls / | tr '\n' ' ' | sed 's/ $//')"
check "a working directory" /mnt "$(inside -w /mnt --rootfs /r -- sh -c pwd)"
check "none that leads out" 1 "$(inside -w /proc/1/root --rootfs /r -- ls / | grep -c '^bin$\|a magic link of /proc')"
check "read-only, and no devices" "touch: /x: Read-only file system ro nosuid nodev" \
    "$(inside --read-only --rootfs /r -- sh -c 'touch /x; grep -m1 " / " /proc/mounts | cut -d" " -f4 | cut -d, -f1-3' | tr ',\n' '  ' | sed 's/ $//')"
check "volumes" "below x" "$(inside -v /v:/mnt/v --rootfs /r -- sh -c 'ls /mnt/v; cd /mnt/v/below; touch x; ls' | tr '\n' ' ' | sed 's/ $//')"
check "which are the host's" x "$(ls /v/below)"
check "a device" "c" "$(inside --device /dev/zero:/dev/nought --rootfs /r -- sh -c '[ -c /dev/nought ] && echo c')"
check "a terminal" /dev/pts/0 "$(inside -t --rootfs /r -- readlink /proc/self/fd/0 | tr -d '\r')"
check "process 1" "2" "$(inside --init --rootfs /r -- sh -c 'echo $$')"
check "another user" "Uid: 7 7 7 7" "$(inside -u 7 --rootfs /r -- grep Uid: /proc/self/status | tr '\t' ' ')"
check "a range of ids" "0 100000" "$(inside --uidmap 0:100000:65536 --gidmap 0:100000:65536 --rootfs /r -- sh -c 'read -r a b c </proc/self/uid_map; echo $a $b')"
check "a mini inside" "1" "$(inside -v /bin/mini:/mnt/mini --cap-add ALL --security-opt seccomp=unconfined --security-opt unmask=all --rootfs /r -- /mnt/mini run --rootfs /mnt -v /bin:/bin -- /bin/sh -c 'echo $$')"

# What is mounted inside stays inside, and what the host mounts meanwhile outside.
mkfifo /r/up /r/on
mini run --privileged --rootfs /r -- sh -c 'mount -t tmpfs inside /mnt && echo >/up; read -r _ </on; grep -c "late\|secret" /proc/mounts' >/tmp/inside &
read -r _ </r/up
mkdir /r/late && mount -t tmpfs late /r/late
check "nobody outside sees what is mounted inside" 0 "$(grep -c inside /proc/mounts)"
umount /r/late && rmdir /r/late
echo >/r/on
wait $!
check "nor the other way round" 0 "$(cat /tmp/inside)"

# A volume that is a slave sees what the host mounts there later, another does not.
mkdir /v/late
for manner in "rslave 1" "rprivate 0"; do
    mini run -v "/v:/mnt:${manner% *}" --rootfs /r -- sh -c 'echo >/up; read -r _ </on; grep -c " /mnt/late " /proc/mounts' >/tmp/inside &
    read -r _ </r/up
    mount -t tmpfs late /v/late
    echo >/r/on
    wait $!
    check "a volume that is ${manner% *}" "${manner#* }" "$(cat /tmp/inside)"
    umount /v/late
done

for right in "" --privileged; do
    all="$right --rootfs /r"
    check "the old root is not below the root $right" "" "$(inside $all -- sh -c 'umount -l / 2>/dev/null; ls /secret /init /../secret 2>/dev/null')"
    check "nor above it $right" "" "$(inside $all -- sh -c '
        mkdir -p /x; chroot /x /none 2>/dev/null; cd ../../../..; ls secret init 2>/dev/null')"
done
check "nor behind it, in a namespace of one's own" "" "$(inside --privileged --rootfs /r -- unshare -m sh -c '
    umount -l / 2>/dev/null; umount -l / 2>/dev/null; ls /secret /../secret /init 2>/dev/null')"
runs=0
while [ $runs -lt 50 ] && mini run --rootfs /r -- /bin/sh -c :; do runs=$((runs + 1)); done
check "many" 50 $runs
check "nothing is left mounted" "" "$(diff /tmp/before /proc/mounts | head -n 8)"
