/* definitions_load.c - definitions files that are imported when a broker starts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/definitions.h"
#include "broker/fingerprint.h"
#include "broker/log.h"
#include "broker/server.h"

struct file {
	char *path;
	struct import *import;
	struct file *next;
};

struct definitions {
	struct server *server;
	struct file *first, **end;
	struct fingerprint *fingerprint; /* of all their texts, if it is asked for */
};

/* --- reading --------------------------------------------------------------------- */

static bool
read_all(int fd, struct writer *w)
{
	ssize_t n;

	for (;;) {
		n = read(fd, writer_room(w, 65536), 65536);
		if (n <= 0)
			break;
		w->n += (size_t)n;
	}
	return n == 0;
}

static bool
complain(const char *path)
{
	log_error("cannot read definitions from %s: %s", path, strerror(errno));
	return false;
}

static bool
open_file(struct definitions *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct writer text = {0};
	struct file *f;
	bool good = fd >= 0 && read_all(fd, &text);

	if (!good)
		complain(path);
	if (fd >= 0)
		close(fd);
	if (!good) {
		writer_fini(&text);
		return false;
	}
	if (d->server->config->definitions_skip)
		fingerprint_add(d->fingerprint, writer_view(&text));
	f = xcalloc(1, sizeof *f);
	f->path = xstrdup(path);
	f->import = import_new(d->server, text.p, writer_view(&text), BYTES(""));
	*d->end = f;
	d->end = &f->next;
	return true;
}

static int
is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Files that are in it, by name. */
static bool
open_folder(struct definitions *d, const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_visible, alphasort);
	bool good = count >= 0 || complain(folder);

	for (int i = 0; i < count; i++) {
		char *path = xasprintf("%s/%s", folder, entries[i]->d_name);
		struct stat st;

		if (good && stat(path, &st) == 0 && S_ISREG(st.st_mode))
			good = open_file(d, path);
		free(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return good;
}

static bool
open_path(struct definitions *d, const char *path)
{
	struct stat st;

	if (path[0] == '\0')
		return true;
	if (stat(path, &st) != 0)
		return complain(path);
	return S_ISDIR(st.st_mode) ? open_folder(d, path) : open_file(d, path);
}

static bool
open_backend(struct definitions *d)
{
	const struct config *c = d->server->config;
	bool backend = c->definitions_backend[0] != '\0';
	bool path = c->definitions_path[0] != '\0';

	if (backend && path)
		return open_path(d, c->definitions_path);
	if (backend)
		log_error("definitions.import_backend is local_filesystem, but "
			  "definitions.local.path is not set");
	if (path)
		log_error("definition import source is configured but "
			  "definitions.import_backend is not set");
	return !backend && !path;
}

struct definitions *
definitions_open(struct server *s)
{
	struct definitions *d = xcalloc(1, sizeof *d);

	d->server = s;
	d->end = &d->first;
	d->fingerprint = fingerprint_new();
	if (open_path(d, s->config->load_definitions) &&
	    open_path(d, s->config->management_load_definitions) &&
	    open_backend(d))
		return d;
	definitions_close(d);
	return NULL;
}

void
definitions_close(struct definitions *d)
{
	struct file *f;

	while ((f = d->first) != NULL) {
		d->first = f->next;
		import_unref(f->import);
		free(f->path);
		free(f);
	}
	fingerprint_free(d->fingerprint);
	free(d);
}

/* --- importing ------------------------------------------------------------------- */

bool
definitions_bring(const struct definitions *d, const char *section)
{
	for (const struct file *f = d->first; f != NULL; f = f->next)
		if (import_has(f->import, section))
			return true;
	return false;
}

static bool
import_file(const struct file *f)
{
	log_info("Importing definitions from %s", f->path);
	if (import_run(f->import))
		return true;
	log_error("definitions in %s are refused: %s", f->path,
	    import_error(f->import));
	return false;
}

static bool
import_each(const struct definitions *d)
{
	for (const struct file *f = d->first; f != NULL; f = f->next)
		if (!import_file(f))
			return false;
	return true;
}

bool
definitions_import(struct definitions *d)
{
	struct server *s = d->server;
	bool imported;

	if (d->first == NULL)
		return true;
	if (!s->config->definitions_skip)
		return import_each(d);
	if (fingerprint_known(d->fingerprint, s)) {
		log_info(DEFINITIONS_UNCHANGED);
		return true;
	}
	imported = import_each(d);
	if (imported)
		fingerprint_keep(d->fingerprint, s);
	return imported;
}
