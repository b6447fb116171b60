# `mini check` tells the truth: whatever it calls missing, the run refuses in the same words; what it calls ok
# works; for root and a user, without cgroups and without user namespaces.
check() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAIL: $1: '$3' instead of '$2'"; fi
}
mkdir -p /proc /tmp /etc
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
chmod 1777 /tmp
printf 'root:x:0:0::/:/bin/sh\nu:x:1000:1000::/:/bin/sh\n' >/etc/passwd
as() { # USER WORDS...
    user=$1
    shift
    if [ "$user" = root ]; then "$@"; else su -c 'exec "$0" "$@"' -- u "$@"; fi
}
# How many rows are true, and which are not.
rows() { # USER
    as "$1" mini check </dev/null >/tmp/table
    status=$?
    true_rows=0
    rm -f /tmp/reasons
    touch /tmp/reasons
    while read -r state rest; do
        case $rest in *DIR* | *FILE* | *SRC* | *calls*) continue ;; esac
        case $state in
        ok | limited | missing) words=$(echo "$rest" | sed 's/.*mini run *//') ;;
        *) continue ;;
        esac
        # shellcheck disable=SC2086 # options
        as "$1" mini run $words -- true </dev/null 2>/tmp/complaint
        got=$?
        reason=$(grep -A 1 -F -- "$state" /tmp/table | grep -A 1 -F -- "$rest" | sed -n '2s/^  *//p' | sed 's/ (.*//' | tr -d 0-9)
        # A reason that was given before is not repeated.
        if [ "$reason" = "for the same reason" ]; then reason=$(cat /tmp/reasons); else echo "$reason" >>/tmp/reasons; fi
        case $state in
        missing) [ $got = 125 ] && tr -d 0-9 </tmp/complaint | grep -qF -- "$reason" && true_rows=$((true_rows + 1)) ;;
        *) [ $got = 0 ] && true_rows=$((true_rows + 1)) ;;
        esac || echo "untrue: $state $rest ($got): $(cat /tmp/complaint)"
    done </tmp/table
}
state() { sed -n "s/ *$1  .*//p" /tmp/table; }

rows root
check "root, no cgroup mounted" "0 16" "$status $true_rows"
check "limits all the same" "ok ok" "$(state 'memory limit') $(state 'process limit')"
check "an initramfs limits a root" limited "$(state 'root file system')"
rows u
check "a user" "0 16" "$status $true_rows"
check "a user has no limits" missing "$(state 'memory limit')"
echo 0 >/proc/sys/user/max_user_namespaces
rows u
check "a user without user namespaces" "1 16" "$status $true_rows"
check "who can run nothing" "missing missing missing" "$(state 'plain run') $(state 'terminal') $(state "host's network")"
check "and is told why" 1 "$(grep -A 4 'plain run' /tmp/table | grep -c max_user_namespaces)"
rows root
check "root needs none" "0 16" "$status $true_rows"
check "but for ranges" missing "$(state 'id maps')"
umount /dev
rows root
check "without /dev" "0 16" "$status $true_rows"
check "there is no terminal" missing "$(state terminal)"
