/* test_hasher.c - tasks come back, and those given up do not. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "broker/hasher.h"
#include "broker/log.h"
#include "tests/unit/unit.h"

static struct hasher *hasher;
static int wake_fd;
static unsigned told;

static void
wake(void *arg)
{
	uint64_t one = 1;

	CU_ASSERT_EQUAL(write(wake_fd, &one, sizeof one), sizeof one);
}

static void
tell(struct hash_task *t)
{
	CU_ASSERT_TRUE(t->finished);
	told++;
}

static void
begin(void)
{
	told = 0;
	wake_fd = eventfd(0, EFD_CLOEXEC);
	hasher = hasher_new(wake, NULL);
}

static void
end(void)
{
	hasher_stop(hasher);
	hasher_free(hasher);
	close(wake_fd);
}

static void
one_turn(void)
{
	uint64_t n;

	CU_ASSERT_EQUAL(read(wake_fd, &n, sizeof n), sizeof n);
	hasher_turn(hasher);
}

static struct hash_task *
submit(const char *password, const struct hash_task *like)
{
	struct hash_task *t = hash_task_new(BYTES("u"), bytes_str(password));

	if (like != NULL) {
		t->n = like->n;
		memcpy(t->hash, like->hash, like->n);
	}
	t->done = tell;
	CU_ASSERT_TRUE(hasher_submit(hasher, t));
	return t;
}

static void
made_hashes_are_recognized(void)
{
	struct hash_task *made, *right, *wrong;

	begin();
	made = submit("p", NULL);
	while (told < 1)
		one_turn();
	right = submit("p", made);
	wrong = submit("q", made);
	while (told < 3)
		one_turn();
	CU_ASSERT_TRUE(right->right);
	CU_ASSERT_FALSE(wrong->right);
	hash_task_free(made);
	hash_task_free(right);
	hash_task_free(wrong);
	end();
}

/* One runs, or has run, the others wait: none of them tells anybody. */
static void
nobody_hears_of_what_was_given_up(void)
{
	struct hash_task *tasks[3], *last;

	begin();
	for (size_t i = 0; i < 3; i++)
		tasks[i] = submit("p", NULL);
	last = submit("q", NULL);
	for (size_t i = 0; i < 3; i++)
		hash_task_free(tasks[i]);
	while (!last->finished)
		one_turn();
	CU_ASSERT_EQUAL(told, 1);
	hash_task_free(last);
	end();
}

static void
it_stops_with_work_left(void)
{
	struct hash_task *tasks[3];

	begin();
	for (size_t i = 0; i < 3; i++)
		tasks[i] = submit("p", NULL);
	for (size_t i = 0; i < 3; i++)
		hash_task_free(tasks[i]);
	end();
	CU_ASSERT_EQUAL(told, 0);
}

static void
no_more_wait_than_it_takes(void)
{
	struct hash_task *tasks[2000];
	size_t n = 0;

	begin();
	do
		tasks[n] = hash_task_new(BYTES("u"), BYTES("p"));
	while (hasher_submit(hasher, tasks[n]) && ++n < 1999);
	CU_ASSERT(n >= 1024 && n < 1100);
	for (size_t i = 0; i <= n; i++)
		hash_task_free(tasks[i]);
	end();
}

static const struct unit_test tests[] = {
    {"made hashes are recognized", made_hashes_are_recognized},
    {"nobody hears of what was given up", nobody_hears_of_what_was_given_up},
    {"it stops with work left", it_stops_with_work_left},
    {"no more wait than it takes", no_more_wait_than_it_takes},
};

int
main(void)
{
	log_init(STDOUT_FILENO, LEVEL_NONE);
	return unit_main("hasher", tests, sizeof tests / sizeof *tests);
}
