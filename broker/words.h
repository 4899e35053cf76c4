/* words.h - what was typed, split into options and arguments as a command's row
 * says.
 *
 * leveretctl uses it to refuse what cannot be before it asks, the broker because
 * it trusts nobody. */
#ifndef BROKER_WORDS_H
#define BROKER_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum command_id {
#define COMMAND(name, ...) COMMAND_##name,
#include "broker/commands.def"
#undef COMMAND
	COMMANDS
};

struct command {
	const char *name, *options, *arguments, *sentence;
	unsigned min, max; /* arguments */
};

extern const struct command commands[COMMANDS];

/* How sentences begin that say what is wrong with the words themselves. */
#define ARGUMENT_ERROR "Error (argument validation): "

/* NULL if there is none of that name. */
const struct command *command_find(const char *name);

/* "list_queues [--vhost <vhost>] [<column> ...]"; good until the next call. */
const char *command_usage(const struct command *);

enum { WORDS_MAX = 80, WORDS_OPTIONS = 8 };

/* Borrows from the words that were split. */
struct words {
	const struct command *command;
	const char *arguments[WORDS_MAX];
	size_t count;
	struct {
		const char *name, *value; /* value: "" for one without */
		size_t name_size;
	} options[WORDS_OPTIONS];
	size_t option_count;
};

/* words[0] is the command's name. False with a sentence if no such command
 * exists (words->command is then NULL) or its row does not allow what follows. */
bool words_split(struct words *, const char *const *list, size_t count,
    char *error, size_t size);

/* Has the command an option of that letter? */
bool command_has_letter(const struct command *, char letter);

/* Does a value follow that letter, in any command? */
bool letter_takes_value(char letter);

/* Has the command that option? */
bool words_allows(const struct words *, const char *name);

/* An option's value, or NULL if it was not given. */
const char *words_option(const struct words *, const char *name);

/* The arguments from the first-th on, with something between them; malloc'd. */
char *words_join(const struct words *, size_t first, const char *between);

#endif
