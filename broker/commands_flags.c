/* commands_flags.c - what RabbitMQ asks about as feature flags: all that there are
 * here are on. */
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/listing.h"

struct flag {
	const char *name, *sentence;
};

/* Of RabbitMQ's flags those whose features Leveret has. */
static const struct flag flags[] = {
    {"implicit_default_bindings",
	"Default bindings are now implicit, instead of being stored in the "
	"database"},
    {"quorum_queue", "Support queues of type `quorum`"},
    {"user_limits", "Configure connection and channel limits for a user"},
    {"virtual_host_metadata",
	"Virtual host metadata (description, tags, etc)"},
};

enum { FLAGS = sizeof flags / sizeof *flags };

static bool
is_flag(const char *name)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (strcmp(flags[i].name, name) == 0)
			return true;
	return false;
}

/* --- listing ------------------------------------------------------------ */

COLUMN(flag_name, struct flag, put_string, t->name)
COLUMN(flag_desc, struct flag, put_string, t->sentence)

#define ALWAYS(name, text)                                                     \
	static void name(struct request *r, const void *thing)                 \
	{                                                                      \
		put_string(r, text);                                           \
	}
ALWAYS(flag_state, "enabled")
ALWAYS(flag_stability, "stable")
ALWAYS(flag_provider, "rabbit")
ALWAYS(flag_url, "")

static const struct column flag_columns[] = {
    {"name", flag_name},
    {"state", flag_state},
    {"stability", flag_stability},
    {"provided_by", flag_provider},
    {"desc", flag_desc},
    {"doc_url", flag_url},
};

void
command_list_feature_flags(struct request *r, size_t *budget)
{
	if (!listing_begin(r, COLUMNS(flag_columns), "name state",
		"Listing feature flags ..."))
		return;
	for (size_t i = 0; i < FLAGS; i++)
		listing_row(r, flag_columns, &flags[i]);
	request_end(r);
}

/* --- for cluster_status ------------------------------------------------- */

void
tell_flags(struct request *r)
{
	for (size_t i = 0; i < FLAGS; i++)
		request_text(r, "Flag: %s, state: enabled", flags[i].name);
}

json_t *
flags_document(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < FLAGS; i++)
		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "desc",
			flags[i].sentence, "doc_url", "", "name",
			flags[i].name, "provided_by", "rabbit", "stability",
			"stable", "state", "enabled"));
	return list;
}

/* --- enabling ----------------------------------------------------------- */

void
command_enable_feature_flag(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	bool all = strcmp(name, "all") == 0;

	if (*name == '\0') {
		request_misused(r, CODE_DATA,
		    ARGUMENT_ERROR "Bad argument: feature_flag cannot be an "
				   "empty string.");
		return;
	}
	if (all)
		request_banner(r, "Enabling all feature flags ...");
	else
		request_banner(r, "Enabling feature flag \"%s\" ...", name);
	if (all || is_flag(name))
		request_end(r);
	else
		request_fail(r, CODE_USAGE,
		    "This feature flag is not supported by node %s",
		    node_name());
}
