/* ctl.c - leveretctl: words to the broker's control socket, its answer to the
 * screen. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/control.h"
#include "broker/folder.h"
#include "broker/plugins.h"
#include "broker/printer.h"
#include "broker/program.h"
#include "broker/reach.h"
#include "broker/words.h"

/* --- options of the tool itself, wherever they stand ------------------- */

struct settings {
	const char *socket, *dir, *formatter, *timeout, *node, *ignored;
	bool quiet, silent, no_headers, help, version, flag_ignored;
};

struct option_row {
	const char *name, *letter;
	size_t text;          /* offset of the value in struct settings, or 0 */
	size_t flag;          /* offset of what is set */
	const char *sentence; /* NULL: taken for scripts' sake, means nothing */
};

#define TEXT(field) offsetof(struct settings, field) + 1, 0
#define FLAG(field) 0, offsetof(struct settings, field) + 1

static const struct option_row option_rows[] = {
    {"--socket", NULL, TEXT(socket), "PATH  the broker's control socket"},
    {"--dir", "-d", TEXT(dir), "DIR  the broker's data folder"},
    {"--quiet", "-q", FLAG(quiet), "no banner"},
    {"--silent", "-s", FLAG(silent), "no banner, no table header"},
    {"--no-table-headers", NULL, FLAG(no_headers), "no table header"},
    {"--formatter", NULL, TEXT(formatter), "table or json"},
    {"--timeout", "-t", TEXT(timeout),
	"SECONDS  without an answer until it gives up (60)"},
    {"--help", "-h", FLAG(help), "print this"},
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
	const char *value;
	const struct option_row *o = find_option(argv[*i], &value);

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
	return value != NULL;
}

/* --- help -------------------------------------------------------------- */

static void
print_usage(FILE *out)
{
	fprintf(out,
	    "\nUsage\n\n%s [options] <command> [<command options>]\n\n"
	    "Options:\n\n",
	    program_name());
	for (size_t i = 0; i < OPTION_ROWS; i++) {
		const struct option_row *o = &option_rows[i];

		if (o->sentence != NULL)
			fprintf(out, "   %-4s%-20s %s\n",
			    o->letter != NULL ? o->letter : "", o->name,
			    o->sentence);
	}
	fputs("\nCommands:\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "   %-22s %s\n", commands[i].name,
		    commands[i].sentence);
	fprintf(out, "\nUse '%s help <command>' to learn more about one\n",
	    program_name());
}

static void
print_command_usage(FILE *out, const struct command *c)
{
	fprintf(out, "\nUsage\n\n%s [options] %s\n\n   %s\n", program_name(),
	    command_usage(c), c->sentence);
}

static int
help(const char *name)
{
	const struct command *c = name != NULL ? command_find(name) : NULL;

	if (c != NULL)
		print_command_usage(stdout, c);
	else
		print_usage(stdout);
	return CODE_OK;
}

/* What cannot be, before anybody is asked. */
static int
refuse(const struct words *words, const char *error)
{
	if (words->command == NULL) {
		fprintf(stderr, "\n%s\n", error);
		print_usage(stderr);
	} else {
		fprintf(stderr, "%s\n", error);
		print_command_usage(stderr, words->command);
	}
	return CODE_USAGE;
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

/* One line of standard input; "" if there is none. */
static const char *
read_password(void)
{
	static char *line;
	size_t room = 0;

	if (isatty(STDIN_FILENO))
		fputs("Password: ", stderr);
	show_typing(false);
	if (getline(&line, &room, stdin) < 0)
		line = xstrdup("");
	show_typing(true);
	if (isatty(STDIN_FILENO))
		putc('\n', stderr);
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

/* --- definitions: files are read and written here ------------------------ */

enum { DOCUMENT_MAX = 200 * 1024 * 1024 };

/* As rabbitmqctl says it. */
static int
cannot_read(const char *path)
{
	if (errno == ENOENT)
		fprintf(stderr,
		    "Error (argument validation): Bad argument: File %s does "
		    "not exist\n",
		    path);
	else
		fprintf(stderr, "Error:\ncannot read %s: %s\n", path,
		    strerror(errno));
	return CODE_DATA;
}

static int
cannot_write(const char *path, int error)
{
	if (error == EISDIR)
		fprintf(stderr, "Error:\nPath %s is a directory\n", path);
	else
		fprintf(stderr, "Error:\ncannot write %s: %s\n", path,
		    strerror(error));
	return CODE_DATA;
}

/* The text of a file, or of standard input if it is "-", with a zero behind it;
 * NULL after having said why not. */
static char *
read_document(const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	struct writer w = {0};
	size_t n;

	while (f != NULL && w.n <= DOCUMENT_MAX &&
	    (n = fread(writer_room(&w, 65536), 1, 65536, f)) > 0)
		w.n += n;
	if (f == NULL || ferror(f) || w.n > DOCUMENT_MAX) {
		if (w.n > DOCUMENT_MAX)
			errno = EFBIG;
		cannot_read(path);
		return NULL;
	}
	if (f != stdin)
		fclose(f);
	writer_u8(&w, 0);
	if (strlen((char *)w.p) + 1 == w.n)
		return (char *)w.p;
	fputs("Error:\nthat is no JSON: there is a zero octet in it\n", stderr);
	return NULL;
}

/* Sends the text along. False if there is none. */
static bool
add_document(const struct words *w, const char **list, size_t *count)
{
	char *text;

	if (w->command != &commands[COMMAND_import_definitions] ||
	    words_option(w, "document") != NULL)
		return true;
	text = read_document(w->count > 0 ? w->arguments[0] : "-");
	list[(*count)++] = "--document";
	list[(*count)++] = text;
	return text != NULL;
}

/* --- asking ------------------------------------------------------------ */

static bool
send_all(int fd, struct bytes b)
{
	ssize_t n;

	for (; b.n > 0; b.p += n, b.n -= (size_t)n) {
		n = send(fd, b.p, b.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return false;
	}
	return true;
}

static int
finish(struct printer *p, struct bytes end)
{
	struct reader r = reader_of(end);
	int code = reader_u8(&r);

	printer_end(p, code == CODE_OK);
	fflush(p->out);
	if (code == CODE_OK && p->trouble != 0)
		return cannot_write(p->path, p->trouble);
	if (code != CODE_OK)
		fprintf(stderr, "Error:\n%.*s\n", (int)reader_left(&r),
		    (const char *)r.p);
	return code;
}

/* Prints whole frames and moves what is left to the front. Returns -1 to read
 * on, else the exit code. */
static int
print_frames(struct printer *p, struct writer *in)
{
	struct bytes rest = writer_view(in), payload;
	size_t n;
	char kind;

	while ((n = control_frame(rest, &kind, &payload)) > 0) {
		if (kind == 'E')
			return finish(p, payload);
		if (!printer_frame(p, kind, payload)) {
			fputs("Error:\nthe answer makes no sense: is it a "
			      "broker of this version?\n",
			    stderr);
			return CODE_UNAVAILABLE;
		}
		rest.p += n;
		rest.n -= n;
	}
	memmove(in->p, rest.p, rest.n);
	in->n = rest.n;
	return -1;
}

/* 0: it closed; -1 with errno. */
static ssize_t
read_more(int fd, struct writer *in, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, timeout_ms) == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	n = read(fd, writer_room(in, 65536), 65536);
	if (n > 0)
		in->n += (size_t)n;
	return n;
}

static int
broken(ssize_t n, int timeout_ms)
{
	fflush(stdout);
	if (n < 0 && errno == ETIMEDOUT) {
		fprintf(stderr,
		    "Error:\noperation timed out. Timeout value used: %d\n",
		    timeout_ms);
		return CODE_TIMEOUT;
	}
	fprintf(stderr, "Error:\nthe broker closed the connection%s%s\n",
	    n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
	return CODE_UNAVAILABLE;
}

static int
print_answer(int fd, struct printer *p, int timeout_ms)
{
	struct writer in = {0};
	ssize_t n;
	int code = -1;

	while (code < 0) {
		n = read_more(fd, &in, timeout_ms);
		if (n < 0 && errno == EINTR)
			continue;
		code = n > 0 ? print_frames(p, &in) : broken(n, timeout_ms);
	}
	writer_fini(&in);
	return code;
}

/* rabbitmqctl says first how long it will wait, for the one command that may
 * take long there. */
static void
print_patience(const struct printer *p, const struct words *w, int timeout_ms)
{
	if (p->banners && p->format == FORMAT_TABLE &&
	    w->command == &commands[COMMAND_list_queues])
		fprintf(
		    p->out, "Timeout: %.1f seconds ...\n", timeout_ms / 1000.0);
}

static int
ask(const struct settings *s, const struct words *w, struct printer *p,
    const char *const *list, size_t count)
{
	int timeout =
	    s->timeout != NULL ? (int)(atof(s->timeout) * 1000) : 60000;
	struct writer request = {0};
	int fd = reach_broker(s->socket, s->dir), code;

	if (fd < 0) {
		reach_failed(s->socket, s->dir);
		return CODE_UNAVAILABLE;
	}
	print_patience(p, w, timeout);
	control_request(&request, list, count);
	send_all(fd, writer_view(&request)); /* if not, reading fails too */
	code = print_answer(fd, p, timeout > 0 ? timeout : -1);
	writer_fini(&request);
	close(fd);
	return code;
}

static int
run(const struct settings *s, const char **list, size_t count)
{
	struct printer p = {.out = stdout,
	    .banners = !s->quiet && !s->silent,
	    .headers = !s->silent && !s->no_headers};
	struct words words;
	char error[512];

	if (!words_split(&words, list, count, error, sizeof error))
		return refuse(&words, error);
	if (s->formatter != NULL && !printer_format(s->formatter, &p.format)) {
		fprintf(stderr,
		    "unknown formatter '%s'; possibilities are: "
		    "table, json\n",
		    s->formatter);
		return CODE_USAGE;
	}
	if (wants_password(&words))
		list[count++] = read_password();
	if (words.command == &commands[COMMAND_export_definitions])
		p.path = words.arguments[0];
	if (!add_document(&words, list, &count))
		return CODE_DATA;
	return ask(s, &words, &p, list, count);
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	const char *list[WORDS_MAX + 2];
	size_t count = 0;
	bool taken, own = true;

	program_init(argv[0]);
	if (strcmp(program_name(), "rabbitmq-plugins") == 0)
		return plugins_main(argc, argv);
	for (int i = 1; i < argc && count < WORDS_MAX; i++) {
		own = own && strcmp(argv[i], "--") != 0;
		taken = false;
		if (own && !take_option(&s, argv, argc, &i, &taken)) {
			fprintf(stderr, "%s wants a value\n", argv[i - 1]);
			return CODE_USAGE;
		}
		if (!taken)
			list[count++] = argv[i];
	}
	if (s.node != NULL)
		node_rename(s.node);
	if (s.version || (count > 0 && strcmp(list[0], "version") == 0)) {
		puts(program_is_rabbitmq() ? RABBITMQ_VERSION : PACKAGE_VERSION);
		return CODE_OK;
	}
	if (s.help || (count > 0 && strcmp(list[0], "help") == 0)) {
		bool word = count > 0 && strcmp(list[0], "help") == 0;
		return help(count > word ? list[word] : NULL);
	}
	if (count == 0) {
		print_usage(stderr);
		return CODE_USAGE;
	}
	return run(&s, list, count);
}
