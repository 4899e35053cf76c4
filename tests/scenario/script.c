/* script.c - reads a script into lines. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "tests/scenario/scene.h"
#include "tests/scenario/words.h"

static char *
name_of(const char *path)
{
	const char *base = strrchr(path, '/');
	char *name = xstrdup(base ? base + 1 : path);
	char *ending = strstr(name, ".amqp");
	if (ending)
		*ending = '\0';
	return name;
}

static void
add_setting(struct script *s, struct bytes setting)
{
	s->settings = xrealloc(
	    s->settings, (s->n_settings + 1) * sizeof *s->settings);
	s->settings[s->n_settings++] = words_string(setting);
	s->needs_own_broker = true;
}

/* Lines of the head that say how to play, not what. */
static bool
head_line(struct script *s, struct bytes text)
{
	struct bytes setting = BYTES("needs setting ");
	if (bytes_eq(text, BYTES("needs own broker")))
		s->needs_own_broker = true;
	else if (bytes_eq(text, BYTES("needs ctl")))
		s->needs_ctl = true;
	else if (bytes_starts(text, setting))
		add_setting(s,
		    (struct bytes){text.p + setting.n, text.n - setting.n});
	else
		return bytes_starts(text, BYTES("differs"));
	return true;
}

static void
add_line(struct script *s, unsigned number, char *text)
{
	unsigned indent = 0;
	while (isspace((unsigned char)text[indent]))
		indent++;
	struct bytes b = bytes_str(text + indent);
	while (b.n > 0 && isspace(b.p[b.n - 1]))
		b.n--;
	if (b.n == 0 || b.p[0] == '#' || head_line(s, b))
		return;
	s->lines = xrealloc(s->lines, (s->n + 1) * sizeof *s->lines);
	s->lines[s->n++] = (struct line){number, indent, xbytesdup(b)};
}

/* A backslash at the end of a line joins the next one to it. */
static bool
continues(char *text)
{
	size_t n = strcspn(text, "\n");
	if (n == 0 || text[n - 1] != '\\')
		return false;
	text[n - 1] = '\0';
	return true;
}

struct script *
script_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL, *whole = xstrdup("");
	size_t size = 0;
	unsigned number = 0, first = 1;
	if (!f)
		return NULL;
	struct script *s = xcalloc(1, sizeof *s);
	s->path = xstrdup(path);
	s->name = name_of(path);
	while (getline(&line, &size, f) >= 0) {
		number++;
		bool more = continues(line);
		char *joined = xasprintf("%s%s", whole, line);
		free(whole);
		whole = joined;
		if (more)
			continue;
		add_line(s, first, whole);
		whole[0] = '\0';
		first = number + 1;
	}
	free(line);
	free(whole);
	fclose(f);
	return s;
}
