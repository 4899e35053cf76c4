/* verdict.c - tells what a journal shows. */
#include <errno.h>
#include <string.h>

#include "tests/bench/journal.h"
#include "tests/bench/json.h"
#include "tests/bench/modes.h"
#include "tests/bench/verdict.h"

static void
report(const struct journal_report *r, const struct options *o,
    const char *mode, const char *result)
{
	json_begin();
	json_text("mode", mode);
	json_text("label", o->label);
	json_text("result", result);
	json_count("published", r->published);
	json_count("confirmed", r->confirmed);
	json_count("refused", r->refused);
	json_count("deliveries", r->deliveries);
	json_count("redelivered", r->redelivered);
	json_count("acknowledged", r->acknowledged);
	json_count("came_back", r->came_back);
	json_count("unmarked", r->unmarked);
	json_count("vanished", r->vanished);
	json_count("losses", r->losses);
	json_count("cuts", r->cuts);
	json_count("settled", r->settled);
	json_object("faults");
	for (unsigned i = 0; i < JOURNAL_FAULTS; i++)
		json_count(journal_fault_key(i), r->faults[i]);
	json_close();
	json_end();
}

static void
accuse(const struct journal_report *r, enum journal_fault fault)
{
	char text[JOURNAL_EXAMPLES * 64] = "";
	size_t n = 0;

	for (unsigned i = 0; i < JOURNAL_EXAMPLES && i < r->faults[fault]; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
		    "%s%llu (line %llu)", i > 0 ? ", " : "",
		    (unsigned long long)r->examples[fault][i].number,
		    (unsigned long long)r->examples[fault][i].line);
	complain("check failed: %s: %llu %s: %s%s", journal_fault_key(fault),
	    (unsigned long long)r->faults[fault], journal_fault_text(fault),
	    text, r->faults[fault] > JOURNAL_EXAMPLES ? " ..." : "");
}

static enum exit_status
judge(const struct journal_report *r)
{
	if (r->error[0] != '\0')
		complain("check failed: %s", r->error);
	for (unsigned i = 0; i < JOURNAL_FAULTS; i++)
		if (r->faults[i] > 0)
			accuse(r, i);
	return journal_good(r) ? EXIT_FINE : EXIT_CHECK;
}

enum exit_status
verdict(FILE *journal, const struct options *o, const char *mode, bool ended)
{
	struct journal_report r;

	journal_check(journal, &r);
	if (!ended)
		r.error[0] = '\0';
	report(&r, o, mode,
	    !journal_good(&r) ? "failed"
	    : ended           ? "good"
			      : "open");
	return judge(&r);
}

enum exit_status
mode_check(const struct options *o)
{
	enum exit_status status;
	FILE *f;

	if (o->journal == NULL)
		die(EXIT_USAGE, "check needs a --journal");
	if ((f = fopen(o->journal, "r")) == NULL)
		die(EXIT_USAGE, "journal %s: %s", o->journal, strerror(errno));
	status = verdict(f, o, "check", true);
	fclose(f);
	return status;
}
