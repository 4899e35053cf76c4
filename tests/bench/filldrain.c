/* filldrain.c - fills queues with numbered messages, empties them again, and
 * sees that each comes once and in order. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "tests/bench/clock.h"
#include "tests/bench/die.h"
#include "tests/bench/json.h"
#include "tests/bench/load.h"
#include "tests/bench/modes.h"
#include "tests/bench/process.h"
#include "tests/bench/topology.h"

/* One producer deals its numbers out to the queues in turn, so queue q must
 * hold q, q + queues, q + 2 * queues ... below count. */
struct drain {
	uint64_t *next; /* by queue */
	uint64_t queues;
	uint64_t count;
	uint64_t missing;
	uint64_t misplaced; /* out of order, twice, or in the wrong queue */
	uint64_t foreign;   /* not of this count */
};

static void
note(struct consumer *k, const struct delivery *d)
{
	struct drain *drain = k->arg;
	uint64_t number = delivery_number(d);
	uint64_t *next = &drain->next[d->queue];

	if (number >= drain->count || d->size != k->load->options->size) {
		drain->foreign++;
		return;
	}
	if (number % drain->queues != d->queue || number < *next) {
		drain->misplaced++;
		return;
	}
	drain->missing += (number - *next) / drain->queues;
	*next = number + drain->queues;
}

static void
count_ends(struct drain *d)
{
	for (uint64_t q = 0; q < d->queues; q++)
		if (d->next[q] < d->count)
			d->missing +=
			    (d->count - d->next[q] - 1) / d->queues + 1;
}

/* Without confirms only the broker can tell when it has taken everything. It
 * may reach the count late, and never if a limit drops messages. */
static bool
await_fill(struct client *c, uint64_t wanted)
{
	int64_t until = now_ns() + seconds_ns(c->options->idle);
	uint64_t count, before = 0;

	for (;;) {
		if (!topology_count(c, &count))
			return false;
		if (count >= wanted || now_ns() > until)
			return true;
		if (count != before)
			until = now_ns() + seconds_ns(c->options->idle);
		before = count;
		usleep(10000);
	}
}

static double
fill(struct client *setup, const struct options *o, uint64_t *refused)
{
	struct options producers = *o;
	struct load load;
	int64_t begin;
	uint64_t before;

	producers.consumers = 0;
	if (!topology_count(setup, &before))
		die(EXIT_BROKER, "%s", setup->error);
	load_start(&load, &producers, o->count, NULL, NULL);
	begin = load.begin;
	load_join_producers(&load);
	if (o->window == 0 && !await_fill(setup, before + o->count))
		die(EXIT_BROKER, "%s", setup->error);
	*refused = load_refused(&load);
	load_fini(&load);
	return ns_seconds(now_ns() - begin);
}

/* Ends when all have come or none has for a while, which then does not count
 * as time. */
static double
drain(const struct options *o, struct drain *d)
{
	struct options consumers = *o;
	struct load load;
	int64_t last;
	uint64_t seen = 0;

	consumers.producers = 0;
	load_start(&load, &consumers, 0, note, d);
	last = load.begin;
	while (seen < o->count && now_ns() < last + seconds_ns(o->idle)) {
		usleep(1000);
		if (load_consumed(&load) != seen)
			last = now_ns();
		seen = load_consumed(&load);
	}
	load.stop_consuming = true;
	load_join_consumers(&load);
	load_fini(&load);
	return ns_seconds(last - load.begin);
}

static enum exit_status
judge(const struct drain *d, uint64_t refused, uint64_t left)
{
	const struct {
		uint64_t count;
		const char *what;
	} rows[] = {
	    {d->missing, "missing"},
	    {d->misplaced, "twice, out of order or in the wrong queue"},
	    {d->foreign, "not of this run"},
	    {refused, "refused by the broker"},
	    {left, "left in the queues"},
	};
	enum exit_status status = EXIT_FINE;

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].count == 0)
			continue;
		complain("check failed: %llu messages %s",
		    (unsigned long long)rows[i].count, rows[i].what);
		status = EXIT_CHECK;
	}
	return status;
}

static void
report_process(const struct options *o, const struct process_use *a,
    const struct process_use *b)
{
	if (o->pid == 0)
		return;
	json_object("broker");
	json_number("cpu_us_per_message",
	    (double)(b->cpu - a->cpu) / 1e3 / (double)o->count);
	json_count("rss", b->rss);
	json_count("rss_peak", b->rss_peak);
	json_close();
}

static void
check_options(const struct options *o)
{
	if (o->only != NULL && strcmp(o->only, "fill") != 0 &&
	    strcmp(o->only, "drain") != 0)
		die(EXIT_USAGE, "--only is fill or drain");
	if (o->size < STAMP_NUMBER)
		die(EXIT_USAGE, "fill-drain needs --size %d or more",
		    STAMP_NUMBER);
	if (o->producers != 1 || o->consumers != 1)
		die(EXIT_USAGE, "fill-drain has one producer and one consumer");
	if (o->exchange != NULL && strcmp(o->exchange, "fanout") == 0)
		die(EXIT_USAGE, "fill-drain puts each message in one queue");
}

/* Fills or drains or both, and has the queues deleted when they are empty. */
static enum exit_status
run(struct options *o, struct client *setup)
{
	struct process_use before = process_use(o->pid), after;
	struct drain d = {.queues = o->queues, .count = o->count};
	bool filling = o->only == NULL || strcmp(o->only, "fill") == 0;
	bool draining = o->only == NULL || strcmp(o->only, "drain") == 0;
	double fill_time = 0, drain_time = 0;
	uint64_t refused = 0, left = 0;

	d.next = xcalloc(o->queues, sizeof *d.next);
	for (unsigned q = 0; q < o->queues; q++)
		d.next[q] = q;
	if (filling)
		fill_time = fill(setup, o, &refused);
	if (draining) {
		drain_time = drain(o, &d);
		count_ends(&d);
		if (!topology_count(setup, &left))
			die(EXIT_BROKER, "%s", setup->error);
	}
	o->keep |= !draining;
	after = process_use(o->pid);

	json_begin();
	json_text("mode", "fill-drain");
	json_text("server", setup->server);
	json_text("label", o->label);
	json_count("count", o->count);
	json_count("size", o->size);
	if (filling) {
		json_number("fill_seconds", fill_time);
		json_number("fill_per_s", (double)o->count / fill_time);
		json_count("refused", refused);
	}
	if (draining) {
		json_number("drain_seconds", drain_time);
		json_number("drain_per_s", (double)o->count / drain_time);
		json_count("missing", d.missing);
		json_count("misplaced", d.misplaced);
		json_count("foreign", d.foreign);
		json_count("left", left);
	}
	report_process(o, &before, &after);
	json_end();
	free(d.next);
	return judge(&d, refused, left);
}

enum exit_status
mode_fill_drain(const struct options *given)
{
	struct options o = *given;
	struct client setup;
	enum exit_status status;

	check_options(&o);
	o.warmup = 0;
	if (!client_connect(&setup, &o) || !topology_declare(&setup))
		die(EXIT_BROKER, "%s", setup.error);
	status = run(&o, &setup);
	setup.options = &o;
	if (!topology_delete(&setup) || !client_goodbye(&setup))
		die(EXIT_BROKER, "%s", setup.error);
	return status;
}
