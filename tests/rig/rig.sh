# rig.sh - for tests that are test rigs: RabbitMQ's names in a folder that is first
# on PATH, RabbitMQ's variables, and what the log says.
#
# Sourced by bash scripts that run in the build folder, after their own options.
. "$(dirname "$0")/../restart/broker.sh" || exit 1
for variable in $(compgen -e); do
	case $variable in RABBITMQ_* | LEVERET_*) unset "$variable" ;; esac
done
mkdir "$dir/bin" "$dir/conf.d"
: >"$dir/rabbitmq-env.conf"
ln -s "$(realpath "$leveret")" "$dir/bin/rabbitmq-server"
for name in rabbitmqctl rabbitmq-diagnostics rabbitmq-queues \
	rabbitmq-plugins rabbitmqadmin; do
	ln -s "$(realpath "$leveretctl")" "$dir/bin/$name"
done
PATH=$dir/bin:$PATH
export RABBITMQ_MNESIA_BASE=$dir/mnesia RABBITMQ_NODENAME=rig@localhost
export RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins
export RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
export RABBITMQ_CONF_ENV_FILE=$dir/rabbitmq-env.conf
export RABBITMQ_ADVANCED_CONFIG_FILE=$dir/advanced.config
export RABBITMQ_CONFIG_FILES=$dir/conf.d RABBITMQ_NODE_PORT=0

# logged PATTERN: does a line of what the server said match?
logged()
{
	grep -qE -- "$1" "$dir/out"
}

complete_or_ended()
{
	logged '.*Server startup complete.*' ||
		! kill -0 "$broker" 2>/dev/null
}

# serve [NAME=VALUE...] [-- ARGS]: starts rabbitmq-server as a container of
# Testcontainers does, and waits for the line that they wait for.
serve()
{
	local variables=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	: >"$dir/out"
	env "${variables[@]}" rabbitmq-server "$@" >"$dir/out" 2>&1 &
	broker=$!
	await 60 complete_or_ended
	port=$(sed -n 's/.*started TCP listener on .*:\([0-9]*\)$/\1/p' \
		"$dir/out" | head -n 1)
	logged 'Server startup complete' && return
	cat "$dir/out"
	failed=$((failed + 1))
	return 1
}

# refused CODE PATTERN [ARGS]: a start that must end with CODE and say why.
refused()
{
	local code=$1 pattern=$2
	shift 2
	timeout 20 rabbitmq-server "$@" >"$dir/out" 2>&1
	[ $? -eq "$code" ] && logged "$pattern"
}

# says CODE PATTERN COMMAND...: how it ends, and a line of what it says.
says()
{
	local code=$1 pattern=$2
	shift 2
	"$@" >"$dir/said" 2>&1 </dev/null
	local got=$?
	[ $got -eq "$code" ] && grep -qE -- "$pattern" "$dir/said" && return
	echo "$*: $got"
	cat "$dir/said"
	return 1
}

# line PATTERN: the number of the first line of the log that matches.
line()
{
	grep -nE -m 1 -- "$1" "$dir/out" | cut -d : -f 1
}
