/* logging.c - where the log goes, as the settings say. */
#include "broker/logging.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/folder.h"

/* --- levels ----------------------------------------------------------------- */

/* Whose level is a setting, if it is set. */
struct threshold {
	enum setting_id set;
	size_t offset;
};

#define THRESHOLD(field) {SETTING_##field, offsetof(struct config, field)}

static const struct threshold categories[LOG_CATEGORIES] = {
    [LOG_DEFAULT] = THRESHOLD(log_default_level),
    [LOG_CONNECTION] = THRESHOLD(log_connection_level),
    [LOG_CHANNEL] = THRESHOLD(log_channel_level),
    [LOG_QUEUE] = THRESHOLD(log_queue_level),
};

static const struct threshold outputs[LOG_OUTPUTS] = {
    [LOG_CONSOLE] = THRESHOLD(log_console_level),
    [LOG_FILE] = THRESHOLD(log_file_level),
    [LOG_EXCHANGE] = THRESHOLD(log_exchange_level),
    [LOG_CONNECTION_FILE] = THRESHOLD(log_connection_level),
    [LOG_CHANNEL_FILE] = THRESHOLD(log_channel_level),
    [LOG_QUEUE_FILE] = THRESHOLD(log_queue_level),
};

static enum log_level
value_of(const struct config *c, const struct threshold *t)
{
	return *(const enum log_level *)((const char *)c + t->offset);
}

/* The file of a category's own, NULL if it has none. */
static const char *
own_file(const struct config *c, enum log_category category)
{
	const char *const files[LOG_CATEGORIES] = {"", c->log_connection_file,
	    c->log_channel_file, c->log_queue_file};

	return *files[category] != '\0' ? files[category] : NULL;
}

static enum log_output
own_output(enum log_category category)
{
	return LOG_EXCHANGE + category;
}

/* A category's own level counts before the output's, and that before what holds
 * for all. What has a file of its own goes nowhere else. */
static enum log_level
level_of(
    const struct config *c, enum log_output output, enum log_category category)
{
	bool own = category != LOG_DEFAULT && own_output(category) == output;

	if (!own && (own_file(c, category) != NULL || output > LOG_EXCHANGE))
		return LEVEL_NONE;
	if (category != LOG_DEFAULT &&
	    config_is_set(c, categories[category].set))
		return value_of(c, &categories[category]);
	if (config_is_set(c, outputs[output].set))
		return value_of(c, &outputs[output]);
	return value_of(c, &categories[LOG_DEFAULT]);
}

static void
set_levels(const struct config *c, enum log_output output,
    enum log_level levels[LOG_CATEGORIES])
{
	for (unsigned i = 0; i < LOG_CATEGORIES; i++)
		levels[i] = level_of(c, output, (enum log_category)i);
}

void
logging_set_level(struct config *c, enum log_level level)
{
	static const char *const keys[] = {"log.default.level",
	    "log.console.level", "log.file.level", "log.exchange.level",
	    "log.connection.level",
	    "log.channel.level", "log.queue.level"};
	enum log_level levels[LOG_CATEGORIES];
	char error[200];

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		config_set(c, keys[i], log_level_name(level), CONFIG_FROM_CTL,
		    error, sizeof error);
	for (unsigned i = 0; i < LOG_OUTPUTS; i++) {
		set_levels(c, (enum log_output)i, levels);
		log_set_levels((enum log_output)i, levels);
	}
}

/* --- shapes ------------------------------------------------------------------- */

/* Which of the words, in the order of the values that they stand for. */
static unsigned
choice(const char *word, const char *const *words)
{
	unsigned i = 0;

	while (strcmp(word, words[i]) != 0)
		i++;
	return i;
}

static enum log_time
time_of(const char *word)
{
	static const char *const words[] = {"rfc3339_space", "rfc3339_T",
	    "lager_default", "epoch_secs", "epoch_usecs"};

	return (enum log_time)choice(word, words);
}

static enum log_level_form
form_of(const char *word)
{
	static const char *const words[] = {
	    "lc", "uc", "lc3", "uc3", "lc4", "uc4"};

	return (enum log_level_form)choice(word, words);
}

static struct log_shape
console_shape(const struct config *c)
{
	return (struct log_shape){
	    .json = strcmp(c->log_console_formatter, "json") == 0,
	    .single_line = c->log_console_single_line,
	    .time = time_of(c->log_console_time),
	    .level = form_of(c->log_console_level_format),
	    .format = c->log_console_format,
	    .field_map = c->log_console_field_map,
	    .verbosity_map = c->log_console_verbosity_map,
	};
}

static struct log_shape
file_shape(const struct config *c)
{
	return (struct log_shape){
	    .json = strcmp(c->log_file_formatter, "json") == 0,
	    .single_line = c->log_file_single_line,
	    .time = time_of(c->log_file_time),
	    .level = form_of(c->log_file_level_format),
	    .format = c->log_file_format,
	    .field_map = c->log_file_field_map,
	    .verbosity_map = c->log_file_verbosity_map,
	};
}

static struct log_shape
exchange_shape(const struct config *c)
{
	return (struct log_shape){
	    .json = strcmp(c->log_exchange_formatter, "json") == 0,
	    .single_line = c->log_exchange_single_line,
	    .time = time_of(c->log_exchange_time),
	    .level = form_of(c->log_exchange_level_format),
	    .format = c->log_exchange_format,
	    .field_map = c->log_exchange_field_map,
	    .verbosity_map = c->log_exchange_verbosity_map,
	};
}

/* --- places --------------------------------------------------------------------- */

/* A file in the folder of logs; the caller's. */
static char *
in_folder(const struct config *c, const char *name)
{
	return *name == '/' || *c->log_dir == '\0'
		   ? xstrdup(name)
		   : xasprintf("%s/%s", c->log_dir, name);
}

/* The path of the log file, the caller's; NULL: there is none. */
static char *
main_path(const struct config *c)
{
	if (strcmp(c->log_file, "false") == 0)
		return NULL;
	if (*c->log_file != '\0')
		return in_folder(c, c->log_file);
	return *c->log_dir != '\0'
		   ? xasprintf("%s/%s.log", c->log_dir, node_name())
		   : NULL;
}

/* The folder of logs is made where it is needed. -1 if it cannot be. */
static int
append_to(const struct config *c, const char *path)
{
	int fd;

	if (*c->log_dir != '\0' && !folder_make(c->log_dir))
		log_warn("cannot make the folder %s", c->log_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		log_warn("cannot write the log to %s", path);
	return fd;
}

static void
open_file(const struct config *c, enum log_output output, const char *path,
    const struct log_rotation *rotation)
{
	struct log_place place = {.fd = -1, .path = path,
	    .rotation = *rotation, .shape = file_shape(c)};

	set_levels(c, output, place.levels);
	if (path != NULL)
		place.fd = append_to(c, path);
	log_place(output, &place);
}

static void
open_own(const struct config *c, enum log_category category,
    const struct log_rotation *rotation)
{
	const char *name = own_file(c, category);
	char *path = name != NULL ? in_folder(c, name) : NULL;

	open_file(c, own_output(category), path, rotation);
	free(path);
}

static void
open_console(const struct config *c)
{
	struct log_place place = {.fd = -1, .shape = console_shape(c)};

	if (c->log_console)
		place.fd = strcmp(c->log_console_stdio, "stderr") == 0
			       ? STDERR_FILENO
			       : STDOUT_FILENO;
	set_levels(c, LOG_CONSOLE, place.levels);
	log_place(LOG_CONSOLE, &place);
}

static void
open_exchange(const struct config *c)
{
	struct log_place place = {.fd = -1, .shape = exchange_shape(c),
	    .rotation.date = ""};

	set_levels(c, LOG_EXCHANGE, place.levels);
	log_place(LOG_EXCHANGE, &place);
}

#define ROTATION(of)                                                           \
	(&(struct log_rotation){c->log_##of##_size, c->log_##of##_date,        \
	    (unsigned)c->log_##of##_count})

void
logging_open(const struct config *c)
{
	char *path = main_path(c);

	open_console(c);
	open_exchange(c);
	open_file(c, LOG_FILE, path, ROTATION(file));
	open_own(c, LOG_CONNECTION, ROTATION(connection));
	open_own(c, LOG_CHANNEL, ROTATION(channel));
	open_own(c, LOG_QUEUE, ROTATION(queue));
	free(path);
}

/* Takes path, which may be NULL. */
static char *
and_place(char *places, char *path)
{
	char *both;

	if (path == NULL)
		return places;
	both = xasprintf(
	    "%s%s%s", places, *places != '\0' ? PLACES_BETWEEN : "", path);
	free(places);
	free(path);
	return both;
}

char *
logging_places(const struct config *c)
{
	char *places = and_place(xstrdup(""), main_path(c));
	const char *name;

	for (unsigned i = LOG_CONNECTION; i < LOG_CATEGORIES; i++)
		if ((name = own_file(c, (enum log_category)i)) != NULL)
			places = and_place(places, in_folder(c, name));
	if (c->log_console)
		places = and_place(
		    places, xasprintf("<%s>", c->log_console_stdio));
	return places;
}
