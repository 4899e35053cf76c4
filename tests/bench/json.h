/* json.h - one object on one line of stdout. */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdint.h>

void json_begin(void);
void json_text(const char *key, const char *value); /* NULL: left out */
void json_count(const char *key, uint64_t value);
void json_number(const char *key, double value); /* four digits at least */
void json_object(const char *key);
void json_close(void); /* the innermost object */
void json_end(void);   /* the line; a broken stdout ends the process */

#endif
