/* same_definitions.c - tells whether two definitions files say the same.
 *
 * same_definitions [-x] A B SECTION...
 * same_definitions -w A
 *
 * The order of members does not matter. Nor does, but with -x, how versions of
 * RabbitMQ write them: whether it is said that an exchange is not internal, whether
 * limits are an object or a list of pairs, and whether what is in the metadata of a
 * vhost stands beside it too. -w writes a file down as it is, its members in order
 * of their texts, one on each line. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *
load(const char *path)
{
	json_error_t e;
	json_t *v = json_load_file(path, 0, &e);

	if (v == NULL)
		fprintf(stderr, "%s:%d: %s\n", path, e.line, e.text);
	return v;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool exactly;

static void
unfold(json_t *member, const char *key)
{
	json_t *pairs = json_object_get(member, key), *pair;
	json_t *object = json_object();
	size_t i;

	if (json_is_array(pairs)) {
		json_array_foreach(pairs, i, pair)
		    json_object_set(object,
			json_string_value(json_array_get(pair, 0)),
			json_array_get(pair, 1));
		json_object_set(member, key, object);
	}
	json_decref(object);
}

/* Fields that say the same as those of the metadata. */
static void
take_away_copies(json_t *member)
{
	json_t *metadata = json_object_get(member, "metadata"), *value;
	const char *key;

	json_object_foreach(metadata, key, value) if (
	    json_equal(json_object_get(member, key), value))
		json_object_del(member, key);
}

static void
simplify(json_t *member)
{
	if (json_is_false(json_object_get(member, "internal")))
		json_object_del(member, "internal");
	unfold(member, "limits");
	take_away_copies(member);
}

/* Members as texts, sorted. */
static char **
texts(json_t *list)
{
	char **all = calloc(json_array_size(list) + 1, sizeof *all);
	size_t i;
	json_t *member;

	json_array_foreach(list, i, member) {
		if (!exactly)
			simplify(member);
		all[i] = json_dumps(member,
		    JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(15));
	}
	qsort(all, json_array_size(list), sizeof *all, by_text);
	return all;
}

static void
forget(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static bool
same(const json_t *a, const json_t *b, const char *section)
{
	json_t *x = json_object_get(a, section), *y = json_object_get(b, section);
	size_t n = json_array_size(x), m = json_array_size(y), i = 0;
	char **left = texts(x), **right = texts(y);

	while (i < n && i < m && strcmp(left[i], right[i]) == 0)
		i++;
	if (i < n || i < m)
		printf("%s: %zu and %zu; the first that differs:\n< %s\n> %s\n",
		    section, n, m, i < n ? left[i] : "",
		    i < m ? right[i] : "");
	forget(left, n);
	forget(right, m);
	return i == n && i == m;
}

static bool
compare(const char *path, const char *other, char **sections)
{
	json_t *a = load(path), *b = load(other);
	bool equal = a != NULL && b != NULL;

	for (; a != NULL && b != NULL && *sections != NULL; sections++)
		equal &= same(a, b, *sections);
	json_decref(a);
	json_decref(b);
	return equal;
}

static void
write_section(const char *name, json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	size_t n = json_array_size(value);
	char **all;

	if (!json_is_array(value)) {
		printf("\"%s\":%s", name, text);
	} else {
		all = texts(value);
		printf("\"%s\":[\n", name);
		for (size_t i = 0; i < n; i++)
			printf("%s%s\n", all[i], i + 1 < n ? "," : "");
		putchar(']');
		forget(all, n);
	}
	free(text);
}

static bool
write_down(const char *path)
{
	json_t *a = load(path), *section;
	const char *between = "{", *name;

	json_object_foreach(a, name, section)
	{
		fputs(between, stdout);
		write_section(name, section);
		between = ",\n";
	}
	puts("}");
	json_decref(a);
	return a != NULL;
}

int
main(int argc, char **argv)
{
	const char *option = argc > 1 && argv[1][0] == '-' ? argv[1] : "";
	char **words = argv + 1 + (option[0] != '\0');
	int count = argc - (int)(words - argv);

	exactly = option[0] != '\0';
	if (strcmp(option, "-w") == 0 && count == 1)
		return write_down(words[0]) ? 0 : 1;
	if (count >= 3 && (strcmp(option, "-x") == 0 || !exactly))
		return compare(words[0], words[1], words + 2) ? 0 : 1;
	fputs("usage: same_definitions [-x] A B SECTION...\n"
	      "       same_definitions -w A\n",
	    stderr);
	return 2;
}
