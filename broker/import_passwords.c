/* import_passwords.c - plain passwords of a definitions file that take long to hash:
 * a thread does it while the import waits. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/hasher.h"
#include "broker/import.h"

void
import_hash_later(struct import *im, struct bytes password)
{
	struct passwords *p = &im->passwords;

	if (p->count == p->room) {
		p->room = p->room > 0 ? p->room * 2 : 8;
		p->tasks = xrealloc(p->tasks, p->room * sizeof(void *));
	}
	p->tasks[p->count++] = hash_task_new(BYTES(""), password);
}

static void
hash_all(struct passwords *p)
{
	for (; p->next < p->count; p->next++) {
		struct hash_task *t = p->tasks[p->next];

		t->n = password_hash(t->password, PASSWORD_SCRYPT, t->hash);
	}
}

static void hashed(struct hash_task *);

/* False if there is no more to wait for. */
static bool
submit(struct import *im)
{
	struct passwords *p = &im->passwords;

	if (p->next == p->count)
		return false;
	p->tasks[p->next]->done = hashed;
	p->tasks[p->next]->arg = im;
	if (hasher_submit(im->server->hasher, p->tasks[p->next]))
		return true;
	snprintf(im->error, sizeof im->error,
	    "too many passwords are being hashed");
	im->refused = true;
	return false;
}

static void
hashed(struct hash_task *t)
{
	struct import *im = t->arg;

	im->passwords.next++;
	if (!submit(im))
		server_unpark(im->server, &im->job);
}

bool
import_hash(struct import *im)
{
	if (!im->in_turns)
		hash_all(&im->passwords);
	else if (im->passwords.next < im->passwords.count)
		im->job.parked = submit(im);
	if (im->job.parked || im->refused)
		return false;
	im->passwords.next = 0;
	return true;
}

struct bytes
import_hashed(struct import *im)
{
	const struct hash_task *t = im->passwords.tasks[im->passwords.next++];

	return (struct bytes){t->hash, t->n};
}

void
import_forget_passwords(struct import *im)
{
	struct passwords *p = &im->passwords;

	for (size_t i = 0; i < p->count; i++)
		hash_task_free(p->tasks[i]);
	free(p->tasks);
	*p = (struct passwords){0};
}
