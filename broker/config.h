/* config.h - the settings, read from RabbitMQ's rabbitmq.conf syntax into one
 * struct by walking settings.def.
 *
 * A later value replaces an earlier one: defaults, file, command line. */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/log.h"

/* Keys below one prefix, in the order they were set. */
struct config_map {
	struct config_pair {
		char *name; /* what stands for the '*' of the row */
		char *value;
		char *source;
	} *pairs;
	size_t count;
};

/* Sentences about lines that were left out: "rabbitmq.conf:13: unknown setting
 * 'x'". */
struct config_notes {
	char **lines;
	size_t count;
};

enum setting_id {
#define SETTING(type, field, ...) SETTING_##field,
#include "broker/settings.def"
#undef SETTING
	SETTINGS
};

#define SETTING_TYPE_INT int64_t
#define SETTING_TYPE_SIZE uint64_t /* bytes */
#define SETTING_TYPE_TIME int64_t  /* milliseconds, whatever the row's unit */
#define SETTING_TYPE_RATIO double
#define SETTING_TYPE_BOOL bool
#define SETTING_TYPE_TEXT char * /* never NULL */
#define SETTING_TYPE_SECRET char * /* never shown */
#define SETTING_TYPE_CHOICE char * /* one of a few words */
#define SETTING_TYPE_LEVEL enum log_level
#define SETTING_TYPE_DATE char * /* as log_sink.h has it */
#define SETTING_TYPE_PATTERN char * /* as pattern.h has it */
#define SETTING_TYPE_ADDRESSES struct config_map
#define SETTING_TYPE_FLAGS struct config_map
#define SETTING_TYPE_NAMES struct config_map
#define SETTING_TYPE_SECRETS struct config_map /* values are never shown */
#define SETTING_TYPE_COUNTS struct config_map  /* decimal, of the row's unit */
#define SETTING_TYPE_SIZES struct config_map
#define SETTING_TYPE_TIMES struct config_map
#define SETTING_TYPE_PATTERNS struct config_map

struct config {
#define SETTING(type, field, ...) SETTING_TYPE_##type field;
#include "broker/settings.def"
#undef SETTING
	char *source[SETTINGS]; /* "rabbitmq.conf:12"; NULL: the default */
	struct config_notes unknown; /* there are no such keys */
	struct config_notes foreign; /* RabbitMQ has them; they do nothing here */
};

/* All defaults. */
void config_init(struct config *);
void config_fini(struct config *);

enum config_status {
	CONFIG_OK,
	CONFIG_UNKNOWN, /* no such key */
	CONFIG_FOREIGN, /* a key of RabbitMQ's that does nothing here */
	CONFIG_BAD,	/* the value cannot be */
};

/* Sets one; source (copied) says where it came from. A sentence in error for
 * anything but CONFIG_OK, the setting then stays as it was. */
enum config_status config_set(struct config *, const char *key,
    const char *value, const char *source, char *error, size_t size);

/* As if it had never been set: its default. */
void config_reset(struct config *, const char *key);

/* Was it set, by a file or otherwise? */
static inline bool
config_is_set(const struct config *c, enum setting_id id)
{
	return c->source[id] != NULL;
}

/* Reads a file, and those it includes. Keys that are unknown or foreign are kept
 * there, with file and line, and left out, so that files written for RabbitMQ can
 * be used. False with a sentence in error (file and line first) if it cannot be
 * read or a value cannot be. */
bool config_load(
    struct config *, const char *path, char *error, size_t size);

/* The source of what leveretctl sets: it stands until the broker ends. */
#define CONFIG_FROM_CTL "leveretctl"

/* Takes from fresh what differs and may change while the broker runs; fresh gets
 * what was there. tell hears of each that differs, and whether it was taken. */
void config_adopt(struct config *, struct config *fresh,
    void (*tell)(const char *key, bool taken));

/* Tells each setting as it stands, a map once for each of its keys. What is
 * given is good for the call only. */
struct setting_view {
	const char *key, *value, *unit, *sentence;
	const char *source; /* "default" for those never set */
	bool reloadable;
};
void config_each(const struct config *,
    void (*tell)(void *arg, const struct setting_view *), void *arg);

/* The value of that name, or NULL. */
const char *config_find(const struct config_map *, const char *name);

/* Is the flag of that name set? */
bool config_has(const struct config_map *, const char *name);

/* The parts of a listener's value: "5672" or "127.0.0.1:5672" or "[::1]:5672".
 * host is empty for all addresses, IPv6 and IPv4. False if it is malformed, or no
 * address but a name. */
bool config_address(
    const char *value, char *host, size_t host_size, unsigned *port);

#endif
