# broker.sh - for tests that start, kill and restart a broker of their own.
#
# Sourced by bash scripts that run in the build folder. They get a temporary
# folder $dir, removed at the end with any broker that is left, and count what
# must be true with `expect`.
set -u
leveret=${LEVERET:-./leveret}
leveretctl=${LEVERETCTL:-./leveretctl}
leveretperf=${LEVERETPERF:-tests/bench/leveretperf}
dir=$(mktemp -d "${TMPDIR:-/tmp}/leveret-test.XXXXXX") || exit 1
broker=
port=
passed=0
failed=0

clean_up()
{
	[ -z "$broker" ] || kill -KILL "$broker" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# expect WHAT COMMAND...: one test, passed if the command succeeds.
expect()
{
	local what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		return 0
	fi
	failed=$((failed + 1))
	echo "not so: $what"
	return 1
}

# The last line of a test program, and its exit status.
finish()
{
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

# await SECONDS COMMAND...: until it succeeds.
await()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

started_or_ended()
{
	[ -s "$dir/port" ] || ! kill -0 "$broker" 2>/dev/null
}

# start ARGS...: a broker on a free port, with its data in $dir/data unless ARGS
# say otherwise; sets broker and port when it accepts, fails if it does not.
start()
{
	rm -f "$dir/port"
	"$leveret" -d "$dir/data" -p 0 --port-file "$dir/port" "$@" \
		>>"$dir/log" 2>&1 &
	broker=$!
	await 60 started_or_ended
	port=$(sed -n 's/^amqp //p' "$dir/port" 2>/dev/null)
	[ -n "$port" ] && return
	echo "the broker did not start:"
	tail -n 20 "$dir/log"
	return 1
}

# stop SIGNAL: ends the broker and returns its exit status.
stop()
{
	local ended=$broker
	kill "-$1" "$ended"
	broker=
	wait "$ended" 2>/dev/null
}

# ctl COMMAND...: asks the broker on $dir/data.
ctl()
{
	"$leveretctl" -d "$dir/data" "$@" >/dev/null
}
