/* grid.h - a table in a box, as wide as what is in it. */
#ifndef BROKER_GRID_H
#define BROKER_GRID_H

#include <stdio.h>

struct grid;

struct grid *grid_new(unsigned columns);

/* The next cell, row by row; takes the malloc'd text. */
void grid_add(struct grid *, char *text);

/* Draws it, the first row in bold; with a terminal's line characters. */
void grid_draw(const struct grid *, FILE *);
void grid_free(struct grid *);

#endif
