/* throughput.c - rates, latencies and cost over a measured time. */
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

struct sample {
	int64_t time;
	int64_t own_cpu;
	uint64_t published;
	uint64_t consumed;
	uint64_t confirmed;
	struct process_use broker;
};

static struct sample
take_sample(const struct load *l)
{
	return (struct sample){
	    .time = now_ns(),
	    .own_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
	    .published = load_published(l),
	    .consumed = load_consumed(l),
	    .confirmed = load_confirmed(l),
	    .broker = process_use(l->options->pid),
	};
}

static void
sleep_until(int64_t time)
{
	struct timespec t = {time / SECOND, time % SECOND};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

/* At a fixed rate, what is under way at the end counts: if something stalled,
 * these messages are the evidence. */
static void
await_stragglers(struct load *l)
{
	int64_t until = now_ns() + SECOND;

	if (l->options->rate == 0 || l->options->consumers == 0)
		return;
	while (load_consumed(l) < load_published(l) && now_ns() < until)
		usleep(1000);
}

/* --- the result ----------------------------------------------------------- */

static void
report_settings(const struct options *o)
{
	json_text("label", o->label);
	json_count("size", o->size);
	json_count("producers", o->producers);
	json_count("consumers", o->consumers);
	json_count("queues", o->queues);
	json_text("exchange", o->exchange);
	json_count("persistent", o->persistent);
	json_count("durable", o->durable);
	json_count("window", o->window);
	json_count("ack", o->ack);
	if (o->rate != 0)
		json_number("rate", o->rate);
}

static void
report_latencies(const struct load *l)
{
	struct histogram *sum = xcalloc(3, sizeof *sum);

	for (unsigned i = 0; i < l->options->consumers; i++)
		histogram_merge(&sum[0], &l->consumers[i].latency);
	for (unsigned i = 0; i < l->options->producers; i++) {
		histogram_merge(&sum[1], &l->producers[i].latency);
		histogram_merge(&sum[2], &l->producers[i].late);
	}
	histogram_report(&sum[0], "latency_us");
	histogram_report(&sum[1], "confirm_latency_us");
	histogram_report(&sum[2], "own_lateness_us");
	free(sum);
}

/* The messages that CPU time is divided by: those that came through or, with
 * nobody to consume them, those that went in. */
static double
messages(const struct load *l, const struct sample *a, const struct sample *b)
{
	if (l->options->consumers > 0)
		return (double)(b->consumed - a->consumed);
	return (double)(b->published - a->published);
}

static void
report_broker(
    const struct load *l, const struct sample *a, const struct sample *b)
{
	double cpu = (double)(b->broker.cpu - a->broker.cpu);

	if (l->options->pid == 0)
		return;
	json_object("broker");
	json_number("cpu_us_per_message", cpu / 1e3 / messages(l, a, b));
	json_number("cpu_cores", cpu / (double)(b->time - a->time));
	json_count("rss", b->broker.rss);
	json_count("rss_peak", b->broker.rss_peak);
	json_close();
}

static void
report(const struct load *l, const char *mode, const char *server,
    const struct sample *a, const struct sample *b)
{
	double seconds = ns_seconds(b->time - a->time);

	json_begin();
	json_text("mode", mode);
	json_text("server", server);
	report_settings(l->options);
	json_number("seconds", seconds);
	json_number(
	    "published_per_s", (double)(b->published - a->published) / seconds);
	json_number(
	    "consumed_per_s", (double)(b->consumed - a->consumed) / seconds);
	json_number(
	    "confirmed_per_s", (double)(b->confirmed - a->confirmed) / seconds);
	json_count("published", load_published(l));
	json_count("consumed", load_consumed(l));
	json_count("confirmed", load_confirmed(l));
	json_count("refused", load_refused(l));
	json_count("blockings", load_blockings(l));
	report_latencies(l);
	report_broker(l, a, b);
	json_number("own_cpu_cores",
	    (double)(b->own_cpu - a->own_cpu) / (double)(b->time - a->time));
	json_end();
}

/* --- the run -------------------------------------------------------------- */

static enum exit_status
run(const struct options *o, const char *mode)
{
	struct client setup;
	struct load load;
	struct sample a, b;

	if (!client_connect(&setup, o) || !topology_declare(&setup))
		die(EXIT_BROKER, "%s", setup.error);
	load_start(&load, o, UINT64_MAX, NULL, NULL);
	sleep_until(load.measure);
	a = take_sample(&load);
	sleep_until(load.begin + seconds_ns(o->duration));
	b = take_sample(&load);
	load.stop_publishing = true;
	await_stragglers(&load);
	load.stop_consuming = true;
	load_join_producers(&load);
	load_join_consumers(&load);
	if (!topology_delete(&setup) || !client_goodbye(&setup))
		die(EXIT_BROKER, "%s", setup.error);
	report(&load, mode, setup.server, &a, &b);
	load_fini(&load);
	return EXIT_FINE;
}

static void
check_times(const struct options *o)
{
	if (o->duration <= o->warmup)
		die(EXIT_USAGE, "--seconds must be longer than --warmup");
	if (o->producers + o->consumers == 0)
		die(EXIT_USAGE, "neither a producer nor a consumer");
}

enum exit_status
mode_throughput(const struct options *o)
{
	check_times(o);
	return run(o, "throughput");
}

enum exit_status
mode_latency(const struct options *o)
{
	check_times(o);
	if (o->size < STAMP_BOTH)
		die(EXIT_USAGE, "latency needs --size %d or more", STAMP_BOTH);
	if (o->rate == 0)
		die(EXIT_USAGE, "latency needs a --rate");
	return run(o, "latency");
}
