/* grid.c - a table in a box, as wide as what is in it. */
#include "broker/grid.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"

struct grid {
	unsigned columns;
	size_t *widths; /* of columns, in characters */
	char **cells;
	size_t count, room;
};

struct grid *
grid_new(unsigned columns)
{
	struct grid *g = xcalloc(1, sizeof *g);

	g->columns = columns;
	g->widths = xcalloc(columns + 1, sizeof *g->widths);
	return g;
}

/* Characters of UTF-8 text. */
static size_t
width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void
grid_add(struct grid *g, char *text)
{
	size_t *widest = &g->widths[g->count % g->columns];
	size_t n = width(text);

	if (g->count == g->room) {
		g->room = g->room > 0 ? g->room * 2 : 64;
		g->cells = xrealloc(g->cells, g->room * sizeof *g->cells);
	}
	g->cells[g->count++] = text;
	if (n > *widest)
		*widest = n;
}

/* "tqqnqqu": the ends, what crosses, and runs between them, in the characters
 * that draw lines (VT100, DEC special graphics). */
static void
draw_line(const struct grid *g, FILE *out, const char *ends)
{
	fprintf(out, "\033(0%c", ends[0]);
	for (unsigned i = 0; i < g->columns; i++) {
		for (size_t n = g->widths[i] + 2; n > 0; n--)
			putc('q', out);
		putc(i + 1 < g->columns ? ends[1] : ends[2], out);
	}
	fputs("\033(B\n", out);
}

static void
draw_row(const struct grid *g, FILE *out, size_t first)
{
	const char *bold = first == 0 ? "\033[1m" : "";
	const char *plain = first == 0 ? "\033[0m" : "";

	fputs("\033(0x\033(B", out);
	for (unsigned i = 0; i < g->columns; i++) {
		const char *cell = g->cells[first + i];

		fprintf(out, " %s%s%s%*s \033(0x\033(B", bold, cell, plain,
		    (int)(g->widths[i] - width(cell)), "");
	}
	putc('\n', out);
}

void
grid_draw(const struct grid *g, FILE *out)
{
	for (size_t i = 0; i + g->columns <= g->count; i += g->columns) {
		draw_line(g, out, i == 0 ? "lwk" : "tnu");
		draw_row(g, out, i);
	}
	draw_line(g, out, "mvj");
}

void
grid_free(struct grid *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->count; i++)
		free(g->cells[i]);
	free(g->cells);
	free(g->widths);
	free(g);
}
