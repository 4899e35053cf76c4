/* foreign.c - RabbitMQ's keys that do nothing here, and what an unknown key may
 * have meant. */
#include "broker/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/config_row.h"

static const struct foreign {
	const char *prefix, *keys, *sentence;
} foreign[] = {
#define FOREIGN(prefix, keys, sentence) {prefix, keys, sentence},
#include "broker/foreign.def"
#undef FOREIGN
};

enum {
	KEY = 128, /* longer ones are nobody's slips */
	SLIPS = 3, /* letters that may be wrong, and one in four of them */
};

/* Calls visit with each whole key, until it says stop. */
typedef bool key_visitor(void *arg, const char *key, const char *sentence);

static bool
each_of(const struct foreign *f, key_visitor *visit, void *arg)
{
	char key[KEY * 2];

	for (const char *p = f->keys; *p != '\0'; p += strspn(p, " ")) {
		int n = (int)strcspn(p, " ");

		if (n == 1 && *p == '.')
			snprintf(key, sizeof key, "%s", f->prefix);
		else
			snprintf(key, sizeof key, "%s%s%.*s", f->prefix,
			    *f->prefix != '\0' ? "." : "", n, p);
		if (!visit(arg, key, f->sentence))
			return false;
		p += n;
	}
	return true;
}

static void
each(key_visitor *visit, void *arg)
{
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		if (!each_of(&foreign[i], visit, arg))
			return;
}

/* Pattern and key word by word: "*" is any one, "**" all that follow. */
static bool
matches(const char *pattern, const char *key)
{
	size_t n, m;

	for (;;) {
		if (strcmp(pattern, "**") == 0)
			return *key != '\0';
		n = strcspn(pattern, ".");
		m = strcspn(key, ".");
		if (m == 0)
			return false;
		if (!(n == 1 && *pattern == '*') &&
		    (n != m || memcmp(pattern, key, n) != 0))
			return false;
		pattern += n;
		key += m;
		if (*pattern == '\0' || *key == '\0')
			return *pattern == *key;
		pattern++;
		key++;
	}
}

struct search {
	const char *key, *sentence;
};

static bool
is_it(void *arg, const char *pattern, const char *sentence)
{
	struct search *s = arg;

	if (!matches(pattern, s->key))
		return true;
	s->sentence = sentence;
	return false;
}

const char *
foreign_find(const char *key)
{
	struct search s = {key, NULL};

	each(is_it, &s);
	return s.sentence;
}

/* --- slips ------------------------------------------------------------------ */

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned n = a < b ? a : b;

	return n < c ? n : c;
}

/* Letters to put in, take out or change, to make one of the other
 * (Levenshtein's distance). Both are shorter than KEY. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[KEY], before, above;
	size_t n = strlen(b);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1] != '\0'; i++) {
		before = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			above = row[j];
			row[j] = least(row[j] + 1, row[j - 1] + 1,
			    before + (a[i - 1] != b[j - 1]));
			before = above;
		}
	}
	return row[n];
}

struct nearest {
	const char *key;
	char found[KEY];
	unsigned distance;
};

static bool
compare(void *arg, const char *key, const char *sentence)
{
	struct nearest *n = arg;
	unsigned d;

	if (strlen(key) >= KEY || strchr(key, '*') != NULL)
		return true;
	d = distance(n->key, key);
	if (d < n->distance) {
		n->distance = d;
		snprintf(n->found, sizeof n->found, "%s", key);
	}
	return true;
}

const char *
foreign_close_to(const char *key)
{
	static struct nearest n;
	size_t size = strlen(key);

	if (size >= KEY)
		return NULL;
	n = (struct nearest){.key = key, .distance = SLIPS + 1};
	for (size_t i = 0; i < SETTINGS; i++)
		compare(&n, config_rows[i].key, NULL);
	each(compare, &n);
	return n.distance <= SLIPS && n.distance * 4 <= size ? n.found : NULL;
}
