/* selftest.c - the program's own limits, against a broker that only copies. */
#include "tests/bench/modes.h"
#include "tests/bench/sink.h"

static const struct row {
	const char *label;
	uint64_t size;
	unsigned consumers;
	unsigned window;
	unsigned ack;
} rows[] = {
    {"16 B, publish only", 16, 0, 0, 0},
    {"16 B, publish only, confirms 1000", 16, 0, 1000, 0},
    {"16 B, auto ack", 16, 1, 0, 0},
    {"16 B, ack every 100", 16, 1, 0, 100},
    {"1 KiB, publish only", 1024, 0, 0, 0},
    {"1 KiB, auto ack", 1024, 1, 0, 0},
    {"1 KiB, confirms 1000, ack every 100", 1024, 1, 1000, 100},
    {"16 KiB, auto ack", 16384, 1, 0, 0},
};

/* --seconds and --warmup are those of each row. */
enum exit_status
mode_selftest(const struct options *given)
{
	struct options o = *given;
	enum exit_status status = EXIT_FINE;

	if (!o.sink)
		sink_start(&o);
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		o.label = rows[i].label;
		o.size = rows[i].size;
		o.consumers = rows[i].consumers;
		o.window = rows[i].window;
		o.ack = rows[i].ack;
		status |= mode_throughput(&o);
	}
	return status;
}
