/* sasl.c - reads what a client answers to connection.start. */
#include "broker/sasl.h"

#include <stdlib.h>
#include <strings.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/config.h"

/* A zero octet, then everything up to the next one or the end. */
static bool
read_element(struct bytes *rest, struct bytes *element)
{
	const uint8_t *end;

	if (rest->n == 0 || rest->p[0] != 0)
		return false;
	element->p = rest->p + 1;
	element->n = rest->n - 1;
	end = memchr(element->p, 0, element->n);
	if (end != NULL)
		element->n = (size_t)(end - element->p);
	rest->p = element->p + element->n;
	rest->n -= element->n + 1;
	return true;
}

/* RFC 4616 without an authorization identity, which RabbitMQ refuses too. */
static enum sasl_status
read_plain(struct bytes response, struct credentials *c)
{
	if (!read_element(&response, &c->user) ||
	    !read_element(&response, &c->password) || response.n != 0)
		return SASL_MALFORMED;
	return SASL_OK;
}

static bool
get_text(struct bytes table, struct bytes key, struct bytes *text)
{
	struct amqp_value value;

	if (!amqp_table_get(table, key, &value) || value.tag != 'S')
		return false;
	*text = value.bytes;
	return true;
}

/* The inside of a field table with LOGIN and PASSWORD. */
static enum sasl_status
read_amqplain(struct bytes response, struct credentials *c)
{
	if (!amqp_table_check(response) ||
	    !get_text(response, BYTES("LOGIN"), &c->user) ||
	    !get_text(response, BYTES("PASSWORD"), &c->password))
		return SASL_MALFORMED;
	return SASL_OK;
}

static bool
named(struct bytes mechanism, const char *name)
{
	return mechanism.n == strlen(name) &&
	       strncasecmp((const char *)mechanism.p, name, mechanism.n) == 0;
}

static char *
joined(char *all, const char *name)
{
	char *more = xasprintf("%s%s%s", all, all[0] ? " " : "", name);

	free(all);
	return more;
}

static bool
has_anonymous(const struct config *c)
{
	return strcmp(c->anonymous_user, "none") != 0;
}

static bool
may_offer(const struct config *c, const char *name, bool secure)
{
	if (strcmp(name, "EXTERNAL") == 0)
		return secure;
	return strcmp(name, "ANONYMOUS") != 0 || has_anonymous(c);
}

char *
sasl_offer(const struct config *c, bool secure)
{
	static const char *const usual[] = {"PLAIN", "AMQPLAIN", "ANONYMOUS"};
	const struct config_map *map = &c->auth_mechanisms;
	size_t count = map->count > 0 ? map->count : 3;
	char *all = xstrdup("");
	const char *name;

	for (size_t i = 0; i < count; i++) {
		name = map->count > 0 ? map->pairs[i].value : usual[i];
		if (may_offer(c, name, secure))
			all = joined(all, name);
	}
	return all;
}

bool
sasl_offers(const char *offer, struct bytes mechanism)
{
	for (const char *p = offer; *p != '\0';) {
		size_t n = strcspn(p, " ");

		if (n == mechanism.n &&
		    strncasecmp(p, (const char *)mechanism.p, n) == 0)
			return true;
		p += n;
		p += *p == ' ';
	}
	return false;
}

enum sasl_status
sasl_read(struct bytes mechanism, struct bytes response, struct credentials *c)
{
	if (named(mechanism, "PLAIN"))
		return read_plain(response, c);
	if (named(mechanism, "AMQPLAIN"))
		return read_amqplain(response, c);
	if (named(mechanism, "EXTERNAL"))
		return SASL_EXTERNAL;
	if (named(mechanism, "ANONYMOUS"))
		return SASL_ANONYMOUS;
	return SASL_UNKNOWN;
}
