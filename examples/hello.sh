# The server that the services run: it writes a line a second, and ends on SIGTERM.
trap 'echo bye; exit 0' TERM
echo "hello from $(uname -n)"
while :; do
    sleep 1 &
    wait $!
done
