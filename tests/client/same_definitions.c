/* same_definitions.c - tells whether two definitions files say the same.
 *
 * same_definitions A B SECTION...
 *
 * The order of members does not matter, nor whether what is false of an exchange is
 * said. */
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

/* Members as texts, sorted. */
static char **
texts(json_t *list)
{
	char **all = calloc(json_array_size(list) + 1, sizeof *all);
	size_t i;
	json_t *member;

	json_array_foreach(list, i, member) {
		if (json_is_false(json_object_get(member, "internal")))
			json_object_del(member, "internal");
		all[i] = json_dumps(member, JSON_SORT_KEYS | JSON_COMPACT);
	}
	qsort(all, json_array_size(list), sizeof *all, by_text);
	return all;
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
	for (size_t k = 0; k < n; k++)
		free(left[k]);
	for (size_t k = 0; k < m; k++)
		free(right[k]);
	free(left);
	free(right);
	return i == n && i == m;
}

int
main(int argc, char **argv)
{
	json_t *a, *b;
	bool equal = true;

	if (argc < 4) {
		fputs("usage: same_definitions A B SECTION...\n", stderr);
		return 2;
	}
	a = load(argv[1]);
	b = load(argv[2]);
	for (int i = 3; a != NULL && b != NULL && i < argc; i++)
		equal &= same(a, b, argv[i]);
	equal &= a != NULL && b != NULL;
	json_decref(a);
	json_decref(b);
	return equal ? 0 : 1;
}
