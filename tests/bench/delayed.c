/* delayed.c - fills an exchange that holds messages back, and sees how late each
 * comes. */
#include <stdlib.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "tests/bench/clock.h"
#include "tests/bench/die.h"
#include "tests/bench/json.h"
#include "tests/bench/load.h"
#include "tests/bench/modes.h"
#include "tests/bench/process.h"
#include "tests/bench/topology.h"

/* Until all have come, or none has for longer than any may be held. */
static void
await_all(const struct load *load, const struct options *o)
{
	int64_t patience = seconds_ns(o->idle + o->delay / 1e3);
	int64_t last = now_ns();
	uint64_t seen = 0, all = o->count * o->producers;

	while (seen < all && now_ns() < last + patience) {
		usleep(1000);
		if (load_consumed(load) != seen)
			last = now_ns();
		seen = load_consumed(load);
	}
}

static void
merge(struct consumer *to, const struct consumer *from)
{
	histogram_merge(&to->latency, &from->latency);
	histogram_merge(&to->afterwards, &from->afterwards);
	to->early += from->early;
}

static void
report(const struct options *o, const struct load *load, const char *server,
    double publishing, const struct process_use *full)
{
	struct process_use after = process_use(o->pid);

	json_begin();
	json_text("mode", "delay");
	json_text("server", server);
	json_text("label", o->label);
	json_count("count", o->count);
	json_count("delay_ms", o->delay);
	json_number("publish_seconds", publishing);
	json_count("consumed", load_consumed(load));
	for (unsigned i = 1; i < o->consumers; i++)
		merge(&load->consumers[0], &load->consumers[i]);
	json_count("early", load->consumers[0].early);
	histogram_report(&load->consumers[0].latency, "late");
	histogram_report(&load->consumers[0].afterwards, "late_afterwards");
	if (o->pid != 0) {
		json_object("broker");
		json_count("rss_all_published", full->rss);
		json_count("rss", after.rss);
		json_count("rss_peak", after.rss_peak);
		json_close();
	}
	json_end();
}

static enum exit_status
run(const struct options *o, struct client *setup)
{
	struct process_use full;
	struct load load;
	uint64_t consumed, early;
	double publishing;

	load_start(&load, o, o->count, NULL, NULL);
	load_join_producers(&load);
	load.all_published = true;
	publishing = ns_seconds(now_ns() - load.begin);
	full = process_use(o->pid);
	await_all(&load, o);
	load.stop_consuming = true;
	load_join_consumers(&load);
	report(o, &load, setup->server, publishing, &full);
	consumed = load_consumed(&load);
	early = load.consumers[0].early;
	load_fini(&load);
	if (consumed == o->count * o->producers && early == 0)
		return EXIT_FINE;
	complain("check failed: %llu messages came, %llu of them early",
	    (unsigned long long)consumed, (unsigned long long)early);
	return EXIT_CHECK;
}

enum exit_status
mode_delay(const struct options *given)
{
	struct options o = *given;
	struct client setup;
	enum exit_status status;

	if (o.delay == 0 || o.size < STAMP_BOTH || o.consumers == 0)
		die(EXIT_USAGE,
		    "delay needs --delay, --size %d or more, and a consumer",
		    STAMP_BOTH);
	if (o.delay_least > o.delay)
		die(EXIT_USAGE, "--delay-least goes up to --delay");
	o.warmup = 0;
	if (!client_connect(&setup, &o) || !topology_declare(&setup))
		die(EXIT_BROKER, "%s", setup.error);
	status = run(&o, &setup);
	setup.options = &o;
	if (!topology_delete(&setup) || !client_goodbye(&setup))
		die(EXIT_BROKER, "%s", setup.error);
	return status;
}
