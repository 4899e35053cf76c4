/* policy.c - what operators ask of queues and exchanges whose names match. */
#include "broker/policy.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/expiry.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/pattern.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- what a definition may hold ------------------------------------------------ */

enum {
	FOR_CLASSIC = QUEUE_CLASSIC,
	FOR_QUORUM = QUEUE_QUORUM,
	FOR_EXCHANGE = 1 << 8, /* no type of queue */
	FOR_BOTH = FOR_CLASSIC | FOR_QUORUM,
};

typedef bool value_check(const json_t *);

/* A key of a definition, in the order in which RabbitMQ looks at them. */
struct key {
	const char *name;
	const char *argument; /* that it stands for; NULL: kept, nothing more */
	unsigned what;	      /* has it */
	bool limit;	      /* the smaller one counts */
	bool operators;	      /* may set it */
	value_check *check;
	const char *wrong; /* "-1 is not a valid ..." */
};

static bool
is_count(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool
is_positive(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) > 0;
}

static bool
is_text(const json_t *v)
{
	return json_is_string(v);
}

static bool
is_anything(const json_t *v)
{
	return true;
}

static bool
is_one_of(const json_t *v, const char *const *words)
{
	for (; json_is_string(v) && *words != NULL; words++)
		if (bytes_eq(json_bytes(v), bytes_str(*words)))
			return true;
	return false;
}

static bool
is_overflow(const json_t *v)
{
	return is_one_of(v,
	    (const char *const[]){
		"drop-head", "reject-publish", "reject-publish-dlx", NULL});
}

static bool
is_strategy(const json_t *v)
{
	return is_one_of(v,
	    (const char *const[]){"at-most-once", "at-least-once", NULL});
}

static bool
is_mode(const json_t *v)
{
	return is_one_of(v, (const char *const[]){"default", "lazy", NULL});
}

static bool
is_version(const json_t *v)
{
	return json_is_integer(v) &&
	    (json_integer_value(v) == 1 || json_integer_value(v) == 2);
}

static bool
is_locator(const json_t *v)
{
	return is_one_of(v,
	    (const char *const[]){"client-local", "balanced", "random",
		"least-leaders", "min-masters", NULL});
}

/* A number and one of Y M D h m s. */
static bool
is_age(const json_t *v)
{
	const char *p = json_string_value(v);
	size_t n = p != NULL ? strspn(p, "0123456789") : 0;

	return n > 0 && p[n] != '\0' && strchr("YMDhms", p[n]) != NULL &&
	    p[n + 1] == '\0';
}

static const struct key keys[] = {
    {"alternate-exchange", NULL, FOR_EXCHANGE, false, false, is_text,
	"is not a valid alternate exchange name"},
    {"consumer-timeout", "x-consumer-timeout", FOR_BOTH, true, false, is_count,
	"is not a valid consumer timeout"},
    {"dead-letter-exchange", "x-dead-letter-exchange", FOR_BOTH, false, false,
	is_text, "is not a valid dead letter exchange name"},
    {"dead-letter-routing-key", "x-dead-letter-routing-key", FOR_BOTH, false,
	false, is_text, "is not a valid dead letter routing key"},
    {"dead-letter-strategy", "x-dead-letter-strategy", FOR_QUORUM, false,
	false, is_strategy, "is not a valid dead letter strategy"},
    {"delivery-limit", "x-delivery-limit", FOR_QUORUM, true, true, is_count,
	"is not a valid delivery limit"},
    {"expires", "x-expires", FOR_BOTH, true, true, is_positive,
	"is not a valid queue expiry"},
    {"federation-upstream", NULL, 0, false, false, is_anything, ""},
    {"federation-upstream-pattern", NULL, 0, false, false, is_anything, ""},
    {"federation-upstream-set", NULL, 0, false, false, is_anything, ""},
    {"ha-mode", NULL, 0, false, false, is_anything, ""},
    {"ha-params", NULL, 0, false, false, is_anything, ""},
    {"ha-promote-on-failure", NULL, 0, false, false, is_anything, ""},
    {"ha-promote-on-shutdown", NULL, 0, false, false, is_anything, ""},
    {"ha-sync-batch-size", NULL, 0, false, false, is_anything, ""},
    {"ha-sync-mode", NULL, 0, false, false, is_anything, ""},
    {"initial-cluster-size", NULL, 0, false, false, is_anything, ""},
    {"max-age", NULL, 0, false, false, is_age, "is not a valid max age"},
    {"max-in-memory-bytes", NULL, FOR_QUORUM, true, true, is_count,
	"is not a valid maximum memory in bytes"},
    {"max-in-memory-length", NULL, FOR_QUORUM, true, true, is_count,
	"is not a valid maximum memory in bytes"},
    {"max-length", "x-max-length", FOR_BOTH, true, true, is_count,
	"is not a valid maximum length"},
    {"max-length-bytes", "x-max-length-bytes", FOR_BOTH, true, true, is_count,
	"is not a valid maximum length in bytes"},
    {"message-ttl", "x-message-ttl", FOR_BOTH, true, true, is_count,
	"is not a valid message TTL"},
    {"overflow", "x-overflow", FOR_BOTH, false, false, is_overflow,
	"is not a valid overflow value"},
    {"queue-leader-locator", NULL, 0, false, false, is_locator,
	"is not a valid queue leader locator value"},
    {"queue-master-locator", NULL, 0, false, false, is_locator,
	"invalid queue-master-locator value"},
    {"queue-mode", NULL, FOR_CLASSIC, false, false, is_mode,
	"is not a valid queue-mode value"},
    {"queue-version", NULL, FOR_CLASSIC, false, false, is_version,
	"is not a valid queue-version value"},
    {"stream-max-segment-size-bytes", NULL, 0, false, false, is_count,
	"is not a valid segment size"},
};
enum { KEYS = sizeof keys / sizeof *keys };

static const struct key *
find_key(const char *name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* --- checking --------------------------------------------------------------------- */

static void
say(struct writer *w, const char *text)
{
	writer_bytes(w, bytes_str(text));
}

static const char *const applies[] = {"all", "queues", "exchanges",
    "classic_queues", "quorum_queues", "streams"};
static const unsigned applies_to[] = {FOR_BOTH | FOR_EXCHANGE, FOR_BOTH,
    FOR_EXCHANGE, FOR_CLASSIC, FOR_QUORUM, 0};

/* To what it applies; -1: there is no such word. Absent is all. */
static int
read_applies(const json_t *v)
{
	if (v == NULL)
		return FOR_BOTH | FOR_EXCHANGE;
	for (size_t i = 0; i < sizeof applies / sizeof *applies; i++)
		if (bytes_eq(json_bytes(v), bytes_str(applies[i])))
			return (int)applies_to[i];
	return -1;
}

static bool
is_allowed(const struct key *k, bool operators)
{
	return k != NULL && (!operators || k->operators);
}

/* The first wrong value, by the order of keys; if all are right, those that have
 * no meaning. */
static void
check_definition(struct writer *why, const json_t *d, bool operators)
{
	const char *name, *between = "[";
	json_t *v;

	for (size_t i = 0; i < KEYS; i++) {
		v = json_object_get(d, keys[i].name);
		if (v == NULL || !is_allowed(&keys[i], operators) ||
		    keys[i].check(v))
			continue;
		json_print_term(why, v);
		say(why, " ");
		say(why, keys[i].wrong);
		say(why, "\n");
		return;
	}
	json_object_foreach((json_t *)d, name, v) {
		if (is_allowed(find_key(name), operators))
			continue;
		say(why, between);
		json_print_pair(why, name, v);
		between = ",";
	}
	if (between[0] == ',')
		say(why, "] are not recognised policy settings\n");
}

static void
check_pattern(struct writer *why, const json_t *v)
{
	char error[160];
	struct pattern *p;

	if (!json_is_string(v)) {
		say(why, "Key pattern is missing\n");
		return;
	}
	p = pattern_new(json_bytes(v), error, sizeof error);
	if (p != NULL) {
		pattern_free(p);
		return;
	}
	say(why, "pattern should be regular expression but is invalid: ");
	say(why, error);
	say(why, "\n");
}

static void
check_rest(struct writer *why, const json_t *v)
{
	const json_t *priority = json_object_get(v, "priority");
	const json_t *to = json_object_get(v, "apply-to");

	if (priority != NULL && !json_is_integer(priority)) {
		say(why, "priority should be number, actually was ");
		json_print_term(why, priority);
		say(why, "\n");
	}
	if (read_applies(to) >= 0)
		return;
	say(why, "apply-to '");
	writer_bytes(why, json_bytes(to));
	say(why,
	    "' unrecognised; should be one of: 'queues', 'classic_queues', "
	    "'quorum_queues', 'streams', 'exchanges', or 'all'\n");
}

static void
check(struct writer *why, const json_t *v, bool operators)
{
	const json_t *d = json_object_get(v, "definition");

	if (!json_is_object(v)) {
		say(why, "policy should be an object\n");
		return;
	}
	check_pattern(why, json_object_get(v, "pattern"));
	check_rest(why, v);
	if (!json_is_object(d))
		say(why, "Key definition is missing\n");
	else if (json_object_size(d) == 0)
		say(why, "no policy provided\n");
	else
		check_definition(why, d, operators);
}

void
policy_check(struct writer *why, struct bytes name, const json_t *v)
{
	check(why, v, false);
}

void
policy_check_operator(struct writer *why, struct bytes name, const json_t *v)
{
	check(why, v, true);
}

/* --- those in force ------------------------------------------------------------------ */

/* In its vhost's list, the highest priority first. */
struct policy {
	struct bytes name; /* own */
	bool operators;	   /* one of theirs */
	unsigned what;	   /* it applies to */
	int64_t priority;
	struct pattern *pattern;
	json_t *definition; /* a reference */
	struct policy *next;
};

static void
policy_free(struct policy *p)
{
	free((void *)p->name.p);
	pattern_free(p->pattern);
	json_decref(p->definition);
	free(p);
}

static void
take_out(struct vhost *v, struct bytes name, bool operators)
{
	for (struct policy **p = &v->policies; *p != NULL; p = &(*p)->next)
		if ((*p)->operators == operators &&
		    bytes_eq((*p)->name, name)) {
			struct policy *gone = *p;

			*p = gone->next;
			policy_free(gone);
			return;
		}
}

/* Behind those of a higher priority, and of equal ones by name. */
static void
put_in(struct vhost *v, struct policy *p)
{
	struct policy **at = &v->policies;

	while (*at != NULL &&
	    ((*at)->priority > p->priority ||
		((*at)->priority == p->priority &&
		    bytes_cmp((*at)->name, p->name) < 0)))
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

static struct policy *
policy_new(struct bytes name, const json_t *v, bool operators)
{
	struct policy *p = xcalloc(1, sizeof *p);
	char error[160];

	p->name = xbytesdup(name);
	p->operators = operators;
	p->what = (unsigned)read_applies(json_object_get(v, "apply-to"));
	p->priority = json_integer_value(json_object_get(v, "priority"));
	p->pattern = pattern_new(
	    json_bytes(json_object_get(v, "pattern")), error, sizeof error);
	p->definition = json_incref(json_object_get(v, "definition"));
	if (p->pattern == NULL)
		fatalx("policy '%s' was checked, but its pattern: %s",
		    log_safe(name), error);
	return p;
}

void
policies_free(struct vhost *v)
{
	struct policy *p;

	while ((p = v->policies) != NULL) {
		v->policies = p->next;
		policy_free(p);
	}
}

struct bytes
policy_name(const struct policy *p)
{
	return p->name;
}

/* --- which counts --------------------------------------------------------------------- */

static const struct policy *
find(const struct vhost *v, struct bytes name, unsigned what, bool operators)
{
	for (const struct policy *p = v->policies; p != NULL; p = p->next)
		if (p->operators == operators && (p->what & what) != 0 &&
		    pattern_matches(p->pattern, name))
			return p;
	return NULL;
}

const struct policy *
policy_for_queue(const struct queue *q, bool operators)
{
	return find(q->vhost, queue_name(q), q->type->bit, operators);
}

const struct policy *
policy_for_exchange(const struct vhost *v, const struct exchange *x)
{
	return find(v, x->destination.name, FOR_EXCHANGE, false);
}

static json_t *
value_in(const struct policy *p, const struct key *k)
{
	return p != NULL ? json_object_get(p->definition, k->name) : NULL;
}

/* The operator's, unless the other is a smaller limit. */
static const json_t *
value_of(const struct policy *p, const struct policy *operators,
    const struct key *k)
{
	const json_t *own = value_in(p, k), *theirs = value_in(operators, k);

	if (own == NULL || theirs == NULL)
		return own != NULL ? own : theirs;
	return k->limit && json_integer_value(own) < json_integer_value(theirs)
	    ? own
	    : theirs;
}

char *
policy_effective(const struct queue *q)
{
	const struct policy *p = policy_for_queue(q, false);
	const struct policy *operators = policy_for_queue(q, true);
	json_t *all = json_object();
	char *text;

	for (size_t i = 0; i < KEYS; i++) {
		const json_t *v = value_of(p, operators, &keys[i]);

		if (v != NULL)
			json_object_set(all, keys[i].name, (json_t *)v);
	}
	text = json_write(all);
	json_decref(all);
	return text;
}

/* --- merging with arguments --------------------------------------------------------------- */

/* Whether the argument counts, although the policy says something too. */
static bool
argument_counts(
    const struct key *k, const struct amqp_value *argument, const json_t *v)
{
	return !k->limit || argument->i <= json_integer_value(v);
}

/* Values of the policies that count for a queue, by key; NULL where none does. */
static bool
collect(const struct queue *q, const json_t *values[KEYS])
{
	const struct policy *p = policy_for_queue(q, false);
	const struct policy *operators = policy_for_queue(q, true);
	struct amqp_value argument;
	bool any = false;

	for (size_t i = 0; i < KEYS; i++) {
		const struct key *k = &keys[i];

		values[i] = k->argument != NULL && (k->what & q->type->bit) != 0
		    ? value_of(p, operators, k)
		    : NULL;
		if (values[i] != NULL &&
		    amqp_table_get(
			q->arguments, bytes_str(k->argument), &argument) &&
		    argument_counts(k, &argument, values[i]))
			values[i] = NULL;
		any |= values[i] != NULL;
	}
	return any;
}

static bool
is_replaced(const json_t *const values[KEYS], struct bytes argument)
{
	for (size_t i = 0; i < KEYS; i++)
		if (values[i] != NULL &&
		    bytes_eq(argument, bytes_str(keys[i].argument)))
			return true;
	return false;
}

void
policy_merge(const struct queue *q, struct writer *w)
{
	const json_t *values[KEYS];
	struct reader r = reader_of(q->arguments);
	struct amqp_value v;
	struct bytes key;

	if (q->vhost->policies == NULL || !collect(q, values))
		return;
	for (const uint8_t *from = r.p; amqp_table_next(&r, &key, &v);
	     from = r.p)
		if (!is_replaced(values, key))
			writer_bytes(
			    w, (struct bytes){from, (size_t)(r.p - from)});
	for (size_t i = 0; i < KEYS; i++)
		if (json_is_integer(values[i]))
			table_put_long(w, keys[i].argument,
			    json_integer_value(values[i]));
		else if (values[i] != NULL)
			table_put_longstr(
			    w, keys[i].argument, json_bytes(values[i]));
}

/* --- what is there already ------------------------------------------------------------------ */

void
policy_apply_to_queue(struct queue *q)
{
	q->policies_seen = q->vhost->policies_changed;
	queue_limit(q);
}

void
policy_apply_to_exchange(struct vhost *v, struct exchange *x)
{
	const struct policy *p =
	    v->policies != NULL ? policy_for_exchange(v, x) : NULL;
	const json_t *name =
	    p != NULL ? json_object_get(p->definition, "alternate-exchange")
		      : NULL;

	x->policies_seen = v->policies_changed;
	exchange_suggest_alternate(
	    x, name != NULL ? json_bytes(name) : (struct bytes){0});
	server_changed(v->server);
}

/* Goes through a vhost's queues and exchanges after a change. The tables may
 * change between its steps: it is done when a walk found nothing to do. */
struct applying {
	struct job job;
	struct vhost *vhost; /* a reference */
};

static struct queue *
outdated_queue(const struct vhost *v, size_t *at)
{
	struct queue *q;

	while ((q = names_each(&v->queues, at)) != NULL)
		if (q->policies_seen != v->policies_changed)
			return q;
	return NULL;
}

static struct exchange *
outdated_exchange(const struct vhost *v, size_t *at)
{
	struct exchange *x;

	while ((x = names_each(&v->exchanges, at)) != NULL)
		if (x->policies_seen != v->policies_changed)
			return x;
	return NULL;
}

static bool
apply_some(struct job *job, size_t *budget)
{
	struct applying *a = (struct applying *)job;
	struct vhost *v = a->vhost;
	size_t queues = 0, exchanges = 0;
	struct exchange *x;
	struct queue *q;

	for (; pattern_spend(budget); --*budget) {
		if ((q = outdated_queue(v, &queues)) != NULL)
			policy_apply_to_queue(q);
		else if ((x = outdated_exchange(v, &exchanges)) != NULL)
			policy_apply_to_exchange(v, x);
		else
			break;
	}
	if (*budget == 0 && !v->deleted)
		return false;
	v->applying = false;
	vhost_unref(v);
	free(a);
	return true;
}

static void
changed(struct vhost *v)
{
	struct applying *a;

	v->policies_changed++;
	if (v->applying)
		return;
	v->applying = true;
	a = xcalloc(1, sizeof *a);
	a->job.step = apply_some;
	a->vhost = v;
	v->refs++;
	server_add_job(v->server, &a->job, NULL);
}

static void
act(struct vhost *v, struct bytes name, const json_t *value, bool operators)
{
	take_out(v, name, operators);
	if (value != NULL)
		put_in(v, policy_new(name, value, operators));
	changed(v);
}

void
policy_act(struct vhost *v, struct bytes name, const json_t *value)
{
	act(v, name, value, false);
}

void
policy_act_operator(struct vhost *v, struct bytes name, const json_t *value)
{
	act(v, name, value, true);
}
