/* journal_check.c - whether what a journal tells may have happened. */
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "tests/bench/journal.h"

/* Sessions are counted from 1; 0 means never. */
struct message {
	uint32_t published;
	uint32_t delivered; /* last */
	uint32_t acked;     /* last */
	bool transient;
	bool confirmed;
	bool refused;
	bool given_back; /* since it was last delivered */
};

struct session {
	char end;        /* S, X or L; 0: it goes on */
	uint64_t losses; /* of the broker before it */
	bool cut; /* an X before it, with no L since: the broker may notice
		   * late, and until then deliver to nobody */
};

struct check {
	struct journal_report *report;
	uint64_t line;
	uint64_t queues;
	uint64_t lanes; /* a queue and a priority each, message n in n % lanes */
	struct message *messages; /* by number */
	uint64_t count;
	struct session *sessions; /* the first is not used */
	uint32_t session;         /* the one that goes on */
	uint64_t *front; /* by lane: one more than the highest delivered in
			  * this session in the lane's order */
	bool ended;
};

enum { LINE_MAX_BYTES = 128, NUMBERS_MAX = 1 << 30 };

static const struct {
	const char *key;
	const char *text;
} faults[JOURNAL_FAULTS] = {
    [JOURNAL_MISSING] = {"missing", "confirmed, but missing at the end"},
    [JOURNAL_ORDER] = {"order", "delivered behind a later one of the queue"},
    [JOURNAL_TWICE] = {"twice", "delivered twice in a session"},
    [JOURNAL_UNFLAGGED] = {"unflagged",
	"delivered again without the redelivered flag"},
    [JOURNAL_FLAGGED] = {"flagged",
	"flagged as redelivered at the first delivery"},
    [JOURNAL_RETURNED] = {"returned",
	"delivered again after acknowledgement and orderly close"},
    [JOURNAL_ALTERED] = {"altered", "delivered with another body"},
    [JOURNAL_QUEUE] = {"queue", "delivered from the wrong queue"},
    [JOURNAL_UNKNOWN] = {"unknown",
	"delivered, confirmed or refused without having been published so"},
};

const char *
journal_fault_key(enum journal_fault fault)
{
	return faults[fault].key;
}

const char *
journal_fault_text(enum journal_fault fault)
{
	return faults[fault].text;
}

static void
blame(struct check *c, enum journal_fault fault, uint64_t number)
{
	uint64_t n = c->report->faults[fault]++;

	if (n < JOURNAL_EXAMPLES)
		c->report->examples[fault][n] =
		    (struct journal_example){number, c->line};
}

/* --- the state of things -------------------------------------------------- */

/* The message of that number, or NULL and a fault if it was not published. */
static struct message *
known(struct check *c, uint64_t number)
{
	if (number < c->count && c->messages[number].published != 0)
		return &c->messages[number];
	blame(c, JOURNAL_UNKNOWN, number);
	return NULL;
}

static void
make_known(struct check *c, uint64_t number)
{
	uint64_t size = c->count;

	if (number < size)
		return;
	while (size <= number)
		size = size * 2 + 1024;
	c->messages = xrealloc(c->messages, size * sizeof *c->messages);
	memset(
	    c->messages + c->count, 0, (size - c->count) * sizeof *c->messages);
	c->count = size;
}

static void
begin_session(struct check *c, char end_of_last)
{
	struct session *last, *new;

	c->sessions =
	    xrealloc(c->sessions, (c->session + 2) * sizeof *c->sessions);
	last = &c->sessions[c->session++];
	new = &c->sessions[c->session];
	*new = (struct session){0};
	if (c->session > 1) {
		last->end = end_of_last;
		new->losses = last->losses + (end_of_last == 'L');
		new->cut =
		    end_of_last == 'X' || (end_of_last == 'S' && last->cut);
	}
	memset(c->front, 0, c->lanes * sizeof *c->front);
}

/* --- events --------------------------------------------------------------- */

static void
on_published(struct check *c, uint64_t first, uint64_t last)
{
	make_known(c, last);
	for (uint64_t i = first; i <= last; i++) {
		c->messages[i].published = c->session;
		c->report->published++;
	}
	if (last >= c->report->next)
		c->report->next = last + 1;
}

static void
on_verdict(struct check *c, uint64_t first, uint64_t last, bool confirmed)
{
	for (uint64_t i = first; i <= last; i++) {
		struct message *m = known(c, i);

		if (m == NULL)
			continue;
		if (m->confirmed || m->refused)
			blame(c, JOURNAL_UNKNOWN, i);
		m->confirmed |= confirmed;
		m->refused |= !confirmed;
		c->report->confirmed += confirmed;
		c->report->refused += !confirmed;
	}
}

/* May it come behind later ones? */
static bool
exempt(const struct check *c, const struct message *m, bool redelivered)
{
	return m->given_back || (redelivered && c->sessions[c->session].cut);
}

static void
check_order(
    struct check *c, const struct message *m, uint64_t number, bool redelivered)
{
	uint64_t *front = &c->front[number % c->lanes];

	if (exempt(c, m, redelivered))
		return;
	if (number < *front)
		blame(c, JOURNAL_ORDER, number);
	else
		*front = number + 1;
}

static bool
lost_since(const struct check *c, uint32_t session)
{
	return c->sessions[session].losses != c->sessions[c->session].losses;
}

static void
check_again(
    struct check *c, const struct message *m, uint64_t number, bool redelivered)
{
	if (m->acked != 0 && c->sessions[m->acked].end == 'S')
		blame(c, JOURNAL_RETURNED, number);
	else if (m->acked != 0)
		c->report->came_back++;
	if (redelivered)
		return;
	if (lost_since(c, m->delivered))
		c->report->unmarked++;
	else
		blame(c, JOURNAL_UNFLAGGED, number);
}

static void
on_delivery(struct check *c, uint64_t number, uint64_t queue, bool redelivered)
{
	struct message *m = known(c, number);

	c->report->deliveries++;
	c->report->redelivered += redelivered;
	if (m == NULL)
		return;
	if (queue != number % c->queues) {
		blame(c, JOURNAL_QUEUE, number);
		return;
	}
	if (m->delivered == c->session && !m->given_back)
		blame(c, JOURNAL_TWICE, number);
	else {
		check_order(c, m, number, redelivered);
		if (m->delivered != 0)
			check_again(c, m, number, redelivered);
		else if (redelivered && m->published == c->session &&
			 !c->sessions[c->session].cut)
			blame(c, JOURNAL_FLAGGED, number);
	}
	m->delivered = c->session;
	m->given_back = false;
}

static void
on_acked(struct check *c, uint64_t number)
{
	struct message *m = known(c, number);

	if (m == NULL)
		return;
	m->acked = c->session;
	c->report->acknowledged++;
}

static void
on_transient(struct check *c, uint64_t number)
{
	struct message *m = known(c, number);

	if (m != NULL)
		m->transient = true;
}

static void
on_altered(struct check *c, uint64_t number)
{
	blame(c, JOURNAL_ALTERED, number);
}

static void
on_given_back(struct check *c, uint64_t number)
{
	struct message *m = known(c, number);

	if (m != NULL)
		m->given_back = true;
}

static void
on_session_end(struct check *c, char how)
{
	struct journal_report *r = c->report;

	*(how == 'S' ? &r->settled : how == 'X' ? &r->cuts : &r->losses) += 1;
	begin_session(c, how);
}

/* What was delivered but never acknowledged must have come back to be, unless
 * it got lost. */
static void
on_end(struct check *c)
{
	c->ended = true;
	for (uint64_t i = 0; i < c->report->next; i++) {
		const struct message *m = &c->messages[i];

		if (m->published == 0 || m->acked != 0)
			continue;
		if (m->confirmed &&
		    !(m->transient && lost_since(c, m->published)))
			blame(c, JOURNAL_MISSING, i);
		else
			c->report->vanished++;
	}
}

/* --- lines ---------------------------------------------------------------- */

/* Reads count numbers and the end of the line. */
static bool
numbers(const char *text, unsigned count, uint64_t *n)
{
	for (unsigned i = 0; i < count; i++) {
		char *end;

		if (text[0] != ' ' || text[1] < '0' || text[1] > '9')
			return false;
		n[i] = strtoull(text + 1, &end, 10);
		if (n[i] > NUMBERS_MAX)
			return false;
		text = end;
	}
	return strcmp(text, "\n") == 0;
}

static bool
on_range(struct check *c, char event, const char *text)
{
	uint64_t n[2];

	if (!numbers(text, 2, n) || n[0] > n[1])
		return false;
	if (event == 'P')
		on_published(c, n[0], n[1]);
	else
		on_verdict(c, n[0], n[1], event == 'C');
	return true;
}

static bool
on_number(struct check *c, char event, const char *text)
{
	static void (*const events[])(struct check *, uint64_t) = {
	    ['A'] = on_acked,
	    ['B'] = on_altered,
	    ['R'] = on_given_back,
	    ['T'] = on_transient,
	};
	uint64_t n;

	if (!numbers(text, 1, &n))
		return false;
	events[(unsigned char)event](c, n);
	return true;
}

static bool
on_mark(struct check *c, char event, const char *text)
{
	if (!numbers(text, 0, NULL))
		return false;
	if (event == 'E')
		on_end(c);
	else
		on_session_end(c, event);
	return true;
}

/* False if it is none. */
static bool
event(struct check *c, const char *line)
{
	uint64_t n[3];

	switch (line[0]) {
	case 'P':
	case 'C':
	case 'N':
		return on_range(c, line[0], line + 1);
	case 'D':
		if (!numbers(line + 1, 3, n) || n[2] > 1)
			return false;
		on_delivery(c, n[0], n[1], n[2] == 1);
		return true;
	case 'A':
	case 'B':
	case 'R':
	case 'T':
		return on_number(c, line[0], line + 1);
	case 'S':
	case 'X':
	case 'L':
	case 'E':
		return on_mark(c, line[0], line + 1);
	}
	return false;
}

static bool
first_line(struct check *c, FILE *f)
{
	static const char magic[] = "leveretperf-journal 2";
	char line[LINE_MAX_BYTES];
	uint64_t n[2];

	c->line = 1;
	if (fgets(line, sizeof line, f) == NULL ||
	    strncmp(line, magic, sizeof magic - 1) != 0 ||
	    !numbers(line + sizeof magic - 1, 2, n))
		return false;
	c->report->queues = c->queues = n[0];
	c->lanes = n[0] * n[1];
	return n[0] > 0 && n[0] < 100000 && n[1] > 0 && n[1] <= 256;
}

static void
read_events(struct check *c, FILE *f)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof line, f) != NULL) {
		c->line++;
		if (!c->ended && event(c, line))
			continue;
		snprintf(c->report->error, sizeof c->report->error,
		    "line %llu of the journal %s", (unsigned long long)c->line,
		    c->ended ? "is behind its end" : "is not an event");
		return;
	}
	if (!c->ended)
		snprintf(c->report->error, sizeof c->report->error,
		    "the journal stops before the queues were empty");
}

void
journal_check(FILE *f, struct journal_report *report)
{
	struct check c = {.report = report};

	*report = (struct journal_report){0};
	rewind(f);
	if (!first_line(&c, f)) {
		snprintf(report->error, sizeof report->error,
		    "this is not a journal of leveretperf");
		return;
	}
	c.front = xcalloc(c.lanes, sizeof *c.front);
	begin_session(&c, 0);
	read_events(&c, f);
	free(c.front);
	free(c.sessions);
	free(c.messages);
}

bool
journal_good(const struct journal_report *report)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < JOURNAL_FAULTS; i++)
		sum += report->faults[i];
	return sum == 0 && report->error[0] == '\0';
}
