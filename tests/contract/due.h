/* due.h - questions asked of every store about what is due, and one of SQLite. */
#ifndef CONTRACT_DUE_H
#define CONTRACT_DUE_H

void only_packs_with_something_due_are_read(const char *kind);
void what_is_due_comes_in_bounded_pieces(const char *kind);
void loads_of_what_is_due_go_on(const char *kind);
void what_is_due_in_order_comes_in_order(const char *kind);
void a_deadline_left_behind_is_found_out_once(const char *kind);
void what_lies_outside_the_range_stays_due(const char *kind);
void purged_entries_are_not_due(const char *kind);
void what_is_due_is_found_by_its_index(void);

#endif
