/* ctl.c - leveretctl: its options, and words for the broker. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/admin.h"
#include "broker/ask.h"
#include "broker/control.h"
#include "broker/folder.h"
#include "broker/plugins.h"
#include "broker/program.h"
#include "broker/report.h"
#include "broker/usage.h"
#include "broker/wait.h"

/* --- options of the tool itself, wherever they stand ------------------- */

struct settings {
	const char *socket, *dir, *formatter, *timeout, *node, *ignored;
	const char *timeout_option; /* as it was typed */
	bool quiet, silent, headers, no_headers, dry_run, help, version;
	bool flag_ignored;
};

#define TEXT(field) offsetof(struct settings, field) + 1, 0
#define FLAG(field) 0, offsetof(struct settings, field) + 1

static const struct option_row option_rows[] = {
    {"--socket", NULL, TEXT(socket), "PATH  the broker's control socket"},
    {"--dir", "-d", TEXT(dir), "DIR  the broker's data folder"},
    {"--quiet", "-q", FLAG(quiet), "no banner"},
    {"--silent", "-s", FLAG(silent), "no banner, no table header"},
    {"--no-table-headers", NULL, FLAG(no_headers), "no table header"},
    {"--table-headers", NULL, FLAG(headers), NULL},
    {"--formatter", NULL, TEXT(formatter),
	"table, json, json_stream, csv, pretty_table or erlang"},
    {"--timeout", "-t", TEXT(timeout),
	"SECONDS  without an answer until it gives up (60)"},
    {"--dry-run", NULL, FLAG(dry_run),
	"only see whether the command line can be"},
    {"--help", "-h", FLAG(help), "print this"},
    {"--help", "-?", FLAG(help), NULL},
    {"--version", "-V", FLAG(version), "print the version"},
    {"--node", "-n", TEXT(node), NULL},
    {"--longnames", "-l", FLAG(flag_ignored), NULL},
    {"--erlang-cookie", NULL, TEXT(ignored), NULL},
    {"--script-name", NULL, TEXT(ignored), NULL},
};

enum { OPTION_ROWS = sizeof option_rows / sizeof *option_rows };

static const struct option_row *
find_option(const char *word, const char **value)
{
	for (size_t i = 0; i < OPTION_ROWS; i++) {
		const struct option_row *o = &option_rows[i];
		size_t n = strlen(o->name);

		*value = NULL;
		if (strcmp(word, o->name) == 0 ||
		    (o->letter != NULL && strcmp(word, o->letter) == 0))
			return o;
		*value = word + n + 1;
		if (o->text != 0 && strncmp(word, o->name, n) == 0 &&
		    word[n] == '=')
			return o;
	}
	return NULL;
}

/* Takes the option at argv[*i], if it is one of the tool's. False if its value
 * is missing. */
static bool
take_option(struct settings *s, char **argv, int argc, int *i, bool *taken)
{
	const char *value, *typed = argv[*i];
	const struct option_row *o = find_option(typed, &value);

	*taken = o != NULL;
	if (o == NULL)
		return true;
	if (o->text == 0) {
		*(bool *)((char *)s + o->flag - 1) = true;
		return true;
	}
	if (value == NULL)
		value = argv[++*i]; /* NULL at the end */
	*(const char **)((char *)s + o->text - 1) = value;
	if (value == s->timeout)
		s->timeout_option = typed[1] == '-' ? o->name : o->letter;
	return value != NULL;
}

/* Of a letter in a word; NULL if there is none that takes no value. */
static bool *
find_flag(struct settings *s, char c)
{
	const char letter[] = {'-', c, '\0'}, *value;
	const struct option_row *o = find_option(letter, &value);

	return o == NULL || o->text != 0
	    ? NULL
	    : (bool *)((char *)s + o->flag - 1);
}

/* "-qs", "-sp /": takes the letters before the last, which is left as a word of
 * its own; it may take a value, or be a command's. */
static void
split_letters(struct settings *s, char **word)
{
	char *last = *word + strlen(*word) - 1;

	if (**word != '-' || last < *word + 2)
		return;
	for (const char *p = *word + 1; p < last; p++)
		if (find_flag(s, *p) == NULL)
			return;
	for (const char *p = *word + 1; p < last; p++)
		*find_flag(s, *p) = true;
	*word = last - 1;
	**word = '-';
}

/* --- "-t5", "-qp=/" ----------------------------------------------------- */

/* Where the value begins that is in one word with its letter; 0 without. */
static size_t
value_inside(const char *word)
{
	size_t n = strcspn(word, "=0123456789");
	const char letter[] = {'-', word[n > 0 ? n - 1 : 0], '\0'}, *none;
	const struct option_row *o = find_option(letter, &none);
	bool letters = word[0] == '-' && word[1] != '-' && n > 1;

	if (!letters || word[n] == '\0')
		return 0;
	return letter_takes_value(letter[1]) || (o != NULL && o->text != 0) ? n
									    : 0;
}

static char *
put(char **room, const char *text, size_t n)
{
	char *at = *room;

	memcpy(at, text, n);
	at[n] = '\0';
	*room += n + 1;
	return at;
}

/* One word, or two. Returns how many. */
static int
put_words(char **words, char **room, const char *typed, size_t value)
{
	const char *rest = typed + value + (typed[value] == '=');

	if (value == 0) {
		words[0] = put(room, typed, strlen(typed));
		return 1;
	}
	words[0] = put(room, typed, value);
	words[1] = put(room, rest, strlen(rest));
	return 2;
}

/* What was typed, with such values as words of their own, and a NULL; the caller's,
 * in one piece. */
static char **
words_apart(int *argc, char **argv)
{
	size_t size = (size_t)(2 * *argc + 1) * sizeof *argv;
	bool own = false; /* not the program's name, nor what is behind "--" */
	char **words, *room;
	int n = 0;

	for (int i = 0; i < *argc; i++)
		size += strlen(argv[i]) + 2;
	words = xmalloc(size);
	room = (char *)(words + 2 * *argc + 1);
	for (int i = 0; i < *argc; i++) {
		own = i > 0 && (own || i == 1) && strcmp(argv[i], "--") != 0;
		n += put_words(words + n, &room, argv[i],
		    own ? value_inside(argv[i]) : 0);
	}
	words[n] = NULL;
	*argc = n;
	return words;
}

/* --- the password, if it was left out ---------------------------------- */

static bool
wants_password(const struct words *w)
{
	return strstr(w->command->arguments, "[<password>]") != NULL &&
	       w->count == w->command->min;
}

static void
show_typing(bool show)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) != 0)
		return;
	if (show)
		t.c_lflag |= ECHO;
	else
		t.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

/* One line of standard input; NULL if there is none. */
static const char *
read_password(void)
{
	static char *line;
	size_t room = 0;

	if (isatty(STDIN_FILENO))
		fputs("Password: ", stderr);
	show_typing(false);
	if (getline(&line, &room, stdin) < 0) {
		free(line);
		line = NULL;
	}
	show_typing(true);
	if (isatty(STDIN_FILENO))
		putc('\n', stderr);
	if (line != NULL)
		line[strcspn(line, "\r\n")] = '\0';
	return line;
}

/* --- definitions: files are read and written here ------------------------ */

enum { DOCUMENT_MAX = 200 * 1024 * 1024 };

/* As rabbitmqctl says it. */
static void
no_such(const struct question *q, const char *what, const char *path)
{
	char *error = xasprintf(
	    ARGUMENT_ERROR "Bad argument: %s %s does not exist", what, path);

	usage_refuse(q->words.command, error, q->argv);
	free(error);
}

static int
cannot_read(const struct question *q, const char *path)
{
	if (errno == ENOENT)
		no_such(q, "File", path);
	else
		fprintf(stderr, "Error:\ncannot read %s: %s\n", path,
		    strerror(errno));
	return CODE_DATA;
}

static bool
read_all(FILE *f, struct writer *w)
{
	size_t n;

	do {
		n = fread(writer_room(w, 65536), 1, 65536, f);
		w->n += n;
		if (w->n > DOCUMENT_MAX) {
			errno = EFBIG;
			return false;
		}
	} while (n > 0);
	writer_u8(w, 0);
	return !ferror(f);
}

/* Reads a file, or standard input if it is "-", with a zero behind it. False after
 * having said why not. */
static bool
read_document(const struct question *q, const char *path, struct writer *w)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	bool read = f != NULL && read_all(f, w);

	if (!read)
		cannot_read(q, path);
	if (f != NULL && f != stdin)
		fclose(f);
	if (read && strlen((char *)w->p) + 1 < w->n) {
		fputs("Error:\nthat is no JSON: there is a zero octet in it\n",
		    stderr);
		return false;
	}
	return read;
}

/* The text for an import, in document, goes along. False if there is none. */
static bool
add_document(struct question *q, struct writer *document, size_t *count)
{
	const struct words *w = &q->words;

	if (w->command != &commands[COMMAND_import_definitions] ||
	    words_option(w, "document") != NULL)
		return true;
	if (!read_document(
		q, w->count > 0 ? w->arguments[0] : "-", document))
		return false;
	q->list[(*count)++] = "--document";
	q->list[(*count)++] = (char *)document->p;
	return true;
}

/* An expression that was left out is read, as rabbitmqctl does, unless somebody
 * types there. */
static void
add_expression(struct question *q, struct writer *document, size_t *count)
{
	if (q->words.command != &commands[COMMAND_eval] ||
	    q->words.count > 0 || isatty(STDIN_FILENO) ||
	    !read_document(q, "-", document))
		return;
	if (document->n > 1)
		q->list[(*count)++] = (char *)document->p;
}

/* Where an export goes; false after having said that there is no such folder. */
static bool
take_path(struct question *q)
{
	char *folder, *slash;
	bool there;

	if (q->words.command != &commands[COMMAND_export_definitions])
		return true;
	q->printer.path = q->words.arguments[0];
	folder = xstrdup(q->printer.path);
	slash = strrchr(folder, '/');
	if (slash != NULL)
		*slash = '\0';
	there = slash == NULL || slash == folder || access(folder, F_OK) == 0;
	if (!there)
		no_such(q, "Directory", folder);
	free(folder);
	return there;
}

/* --- the command ------------------------------------------------------- */

/* Seconds, whole ones as rabbitmqctl takes them; -1 if they cannot be. */
static int
read_timeout(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 && n < 7 && text[n] == '\0' ? atoi(text) * 1000 : -1;
}

static int
refuse_option(const struct words *w, const char *name, const char *value,
    char **argv)
{
	char *error = xasprintf(ARGUMENT_ERROR "Invalid options for this "
					       "command:\n%s : %s",
	    name, value);

	usage_refuse(w->command, error, argv);
	free(error);
	return CODE_USAGE;
}

/* Takes the format, if one was typed. */
static int
take_format(struct question *q, const struct settings *s, char **argv)
{
	if (s->formatter == NULL)
		return CODE_OK;
	if (report_command(q)) {
		usage_refuse(q->words.command,
		    ARGUMENT_ERROR "\"Only report formatter is supported\"",
		    argv);
		return CODE_USAGE;
	}
	if (!printer_format(s->formatter, &q->printer.format))
		return refuse_option(
		    &q->words, "--formatter", s->formatter, argv);
	if (q->printer.format == FORMAT_ERLANG &&
	    q->words.command == &commands[COMMAND_eval])
		q->printer.format = FORMAT_TABLE; /* it is Erlang already */
	if (q->printer.format != FORMAT_TABLE && (s->headers || s->no_headers))
		return refuse_option(&q->words,
		    s->headers ? "--table-headers" : "--no-table-headers", "",
		    argv);
	return CODE_OK;
}

/* Those that RabbitMQ draws in a box unless another format is asked for. */
static bool
is_boxed(const struct command *c)
{
	return c == &commands[COMMAND_quorum_status] ||
	    c == &commands[COMMAND_peek] || c == &commands[COMMAND_rebalance];
}

/* Those that RabbitMQ tells a row at a time. */
static bool
is_streamed(const struct command *c)
{
	return c == &commands[COMMAND_list_queues] ||
	    c == &commands[COMMAND_list_unresponsive_queues] ||
	    c == &commands[COMMAND_list_exchanges] ||
	    c == &commands[COMMAND_list_bindings] ||
	    c == &commands[COMMAND_list_connections] ||
	    c == &commands[COMMAND_list_channels] ||
	    c == &commands[COMMAND_list_consumers];
}

/* Those that say nothing with --silent if all is well. */
static bool
is_hushed(const struct command *c)
{
	return c == &commands[COMMAND_check_alarms] ||
	    c == &commands[COMMAND_check_local_alarms] ||
	    c == &commands[COMMAND_check_virtual_hosts] ||
	    c == &commands[COMMAND_check_if_node_is_quorum_critical] ||
	    c == &commands[COMMAND_check_if_node_is_mirror_sync_critical];
}

static int
tell_version(const struct settings *s)
{
	const char *version =
	    program_is_rabbitmq() ? RABBITMQ_VERSION : PACKAGE_VERSION;

	if (s->formatter != NULL && strcmp(s->formatter, "json") == 0)
		printf("{\"node\":\"%s\",\"result\":\"ok\",\"value\":"
		       "{\"version\":\"%s\"}}\n",
		    node_name(), version);
	else
		puts(version);
	return CODE_OK;
}

/* help and version; -1 for what the broker is asked. */
static int
tell(const struct settings *s, const struct words *w)
{
	if (w->command == &commands[COMMAND_version])
		return tell_version(s);
	if (w->command != &commands[COMMAND_help])
		return -1;
	if (words_option(w, "list-commands") == NULL)
		return usage_help(w->count > 0 ? w->arguments[0] : NULL);
	usage_commands(stdout);
	return CODE_OK;
}

static int
run(const struct settings *s, const char **list, size_t count, char **argv)
{
	struct question q = {.socket = s->socket,
	    .dir = s->dir,
	    .argv = argv,
	    .list = list,
	    .timeout_ms = PATIENCE_MS,
	    .printer = {.out = stdout,
		.banners = !s->quiet && !s->silent,
		.headers = !s->silent && !s->no_headers}};
	struct writer document = {0};
	const char *password;
	char error[512];
	int code;

	if (!words_split(&q.words, list, count, error, sizeof error)) {
		usage_refuse(q.words.command, error, argv);
		return CODE_USAGE;
	}
	q.printer.collected = !is_streamed(q.words.command);
	q.printer.hushed = s->silent && is_hushed(q.words.command);
	if (q.words.command == &commands[COMMAND_wait])
		q.printer.banners = !s->quiet;
	if (is_boxed(q.words.command))
		q.printer.format = FORMAT_PRETTY;
	if (q.words.command == &commands[COMMAND_log_tail_stream])
		q.timeout_ms = -1; /* there may be nothing to tell */
	q.asked = s->timeout != NULL;
	if (q.asked && (q.timeout_ms = read_timeout(s->timeout)) < 0)
		return refuse_option(
		    &q.words, s->timeout_option, s->timeout, argv);
	if ((code = take_format(&q, s, argv)) != CODE_OK)
		return code;
	if (s->dry_run)
		return CODE_OK;
	if ((code = tell(s, &q.words)) >= 0)
		return code;
	if (wants_password(&q.words) && (password = read_password()) != NULL)
		list[count++] = password;
	add_expression(&q, &document, &count);
	if (!take_path(&q) || !add_document(&q, &document, &count))
		code = CODE_DATA;
	else if (q.count = count, wait_command(&q))
		code = wait_run(&q);
	else if (report_command(&q))
		code = report_run(&q);
	else
		code = ask(&q);
	writer_fini(&document);
	return code;
}

/* "-d" is short for a folder, unless the command in front of it has an option of
 * that letter. */
static bool
is_commands_own(const char *word, const char *const *list, size_t count)
{
	const struct command *c = count > 0 ? command_find(list[0]) : NULL;

	return c != NULL && word[0] == '-' && word[1] != '\0' &&
	    word[2] == '\0' && command_has_letter(c, word[1]);
}

/* Options in front of the command: a vhost's, with its name, and what else there
 * is to be refused. */
static size_t
count_leading(const char *const *list, size_t count)
{
	size_t n = 0;

	while (n < count && list[n][0] == '-' && list[n][1] != '\0')
		n += strcmp(list[n], "-p") == 0 ||
			strcmp(list[n], "--vhost") == 0
		    ? 2
		    : 1;
	return n < count ? n : count;
}

/* Puts them behind it, as if they had been typed there. Returns the count of all,
 * 0 without a command. */
static size_t
lead_with_command(const char **list, size_t count)
{
	size_t n = count_leading(list, count);
	const char *command;

	if (n == count)
		return 0;
	command = list[n];
	memmove(list + 1, list, n * sizeof *list);
	list[0] = command;
	for (size_t i = 1; i <= n; i++)
		if (strcmp(list[i], "--") == 0) {
			memmove(list + i, list + i + 1,
			    (--count - i) * sizeof *list);
			break;
		}
	return count;
}

/* Whoever redirects the answer must hear that it did not get there. */
static int
all_written(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "Error:\ncannot write the answer: %s\n",
	    strerror(errno));
	return code != CODE_OK ? code : CODE_UNAVAILABLE;
}

/* An option at the end that wants a value. */
static int
without_value(
    const char *const *list, size_t count, char **argv, const char *option)
{
	struct words w = {
	    .command = count > 0 ? command_find(list[0]) : NULL};

	if (w.command != NULL)
		return refuse_option(&w, option, "", argv);
	fprintf(stderr, "%s wants a value\n", option);
	usage_print(stderr);
	return CODE_USAGE;
}

static int
too_many_words(void)
{
	fprintf(stderr, ARGUMENT_ERROR "more than %d words\n", WORDS_MAX);
	return CODE_USAGE;
}

static int
obey(int argc, char **argv, char **typed)
{
	struct settings s = {0};
	const char *list[WORDS_MAX + 2];
	size_t count = 0;
	bool taken, own = true;

	usage_options(option_rows, OPTION_ROWS);
	for (int i = 1; i < argc; i++) {
		own = own && strcmp(argv[i], "--") != 0;
		taken = false;
		if (own)
			split_letters(&s, &argv[i]);
		if (own && !is_commands_own(argv[i], list, count) &&
		    !take_option(&s, argv, argc, &i, &taken)) {
			return without_value(list, count, typed, argv[i - 1]);
		}
		if (!taken && count == WORDS_MAX)
			return too_many_words();
		if (!taken)
			list[count++] = argv[i];
	}
	count = lead_with_command(list, count);
	if (s.node != NULL)
		node_rename(s.node);
	if (s.version)
		return tell_version(&s);
	if (s.help)
		return usage_help(count > 0 ? list[0] : NULL);
	if (count > 0 && strcmp(list[0], "autocomplete") == 0)
		return usage_complete(count > 1 ? list[count - 1] : "");
	if (count == 0) {
		usage_print(stderr);
		return CODE_USAGE;
	}
	return run(&s, list, count, typed);
}

int
main(int argc, char **argv)
{
	char **words;
	int code;

	program_init(argv[0]);
	if (strcmp(program_name(), "rabbitmq-plugins") == 0)
		return plugins_main(argc, argv);
	if (strcmp(program_name(), "rabbitmqadmin") == 0)
		return admin_main(argc, argv);
	words = words_apart(&argc, argv);
	code = all_written(obey(argc, words, argv));
	free(words);
	return code;
}
