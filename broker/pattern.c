/* pattern.c - a regular expression as permissions and policies use them. */
#include "broker/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/log.h"

/* Names have at most 255 bytes: honest patterns need some hundreds of steps. At
 * the limit a match has taken about a millisecond. Those that need many are told
 * apart by a first try with few. */
enum {
	STEPS_AT_FIRST = 2000,
	STEPS = 100000,
	EFFORT = 2048, /* units: as much as they are of a turn's time */
	DEPTH = 1000,
	HEAP_KIB = 1024,
	PATTERN_SIZE = 65536, /* of a compiled one's source */
};

struct pattern {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	struct bytes text; /* own */
	unsigned gave_up;  /* so many times */
};

static size_t effort; /* units not yet spent */

struct pattern *
pattern_new(struct bytes text, char *error, size_t size)
{
	struct pattern *p;
	pcre2_code *code;
	PCRE2_SIZE at;
	int rc;

	if (text.n > PATTERN_SIZE) {
		snprintf(error, size, "longer than %d bytes", PATTERN_SIZE);
		return NULL;
	}
	code = pcre2_compile(text.p, text.n, PCRE2_NEVER_UTF, &rc, &at, NULL);
	if (code == NULL) {
		char reason[128];

		pcre2_get_error_message(
		    rc, (unsigned char *)reason, sizeof reason);
		snprintf(error, size, "%s at %zu", reason, (size_t)at);
		return NULL;
	}
	p = xcalloc(1, sizeof *p);
	p->code = code;
	p->text = xbytesdup(text);
	p->match = pcre2_match_data_create(1, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (p->match == NULL || p->limits == NULL)
		fatalx("no memory for a pattern");
	pcre2_set_depth_limit(p->limits, DEPTH);
	pcre2_set_heap_limit(p->limits, HEAP_KIB);
	return p;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_code_free(p->code);
	pcre2_match_data_free(p->match);
	pcre2_match_context_free(p->limits);
	free((void *)p->text.p);
	free(p);
}

static int
try(const struct pattern *p, struct bytes name, uint32_t steps)
{
	static const uint8_t empty[1];

	pcre2_set_match_limit(p->limits, steps);
	return pcre2_match(p->code, name.n > 0 ? name.p : empty, name.n, 0, 0,
	    p->match, p->limits);
}

/* The log hears of the 1st, 2nd, 4th, 8th time. */
static void
give_up(struct pattern *p, struct bytes shown)
{
	p->gave_up++;
	if ((p->gave_up & (p->gave_up - 1)) == 0)
		log_warnx("pattern '%s' gave up on '%s': it is too costly (%u "
			  "times so far)",
		    log_safe(p->text), log_safe(shown), p->gave_up);
}

/* shown: how the log is to name it. */
static bool
matches(struct pattern *p, struct bytes name, struct bytes shown)
{
	int rc = try(p, name, STEPS_AT_FIRST);

	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
		effort += EFFORT;
		rc = try(p, name, STEPS);
	}
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		give_up(p, shown);
	return rc >= 0;
}

bool
pattern_matches(struct pattern *p, struct bytes name)
{
	return matches(p, name, name);
}

bool
pattern_matches_secret(struct pattern *p, struct bytes secret)
{
	return matches(p, secret, BYTES("a secret"));
}

bool
pattern_spend(size_t *budget)
{
	size_t units = effort < *budget ? effort : *budget;

	effort -= units;
	*budget -= units;
	return *budget > 0;
}
