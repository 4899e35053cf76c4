/* shim.c - a layer between SQLite and the disk that fails when told to. */
#include "tests/contract/shim.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_DEATH = 9 };

/* --- the plan --------------------------------------------------------------
 */

static struct {
	pthread_mutex_t lock;
	enum shim_fault fault;
	uint64_t at, length, count;
	uint32_t one_in;
	uint64_t random;
} plan = {.lock = PTHREAD_MUTEX_INITIALIZER, .random = 1};

void
shim_plan(enum shim_fault fault, uint64_t at, uint64_t length)
{
	pthread_mutex_lock(&plan.lock);
	plan.fault = fault;
	plan.at = at;
	plan.length = length;
	plan.count = 0;
	pthread_mutex_unlock(&plan.lock);
}

void
shim_disturb(uint32_t one_in)
{
	pthread_mutex_lock(&plan.lock);
	plan.one_in = one_in;
	pthread_mutex_unlock(&plan.lock);
}

uint64_t
shim_count(void)
{
	uint64_t count;

	pthread_mutex_lock(&plan.lock);
	count = plan.count;
	pthread_mutex_unlock(&plan.lock);
	return count;
}

static uint32_t
draw(void)
{
	plan.random = plan.random * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)(plan.random >> 33);
}

/* What befalls this operation. */
static enum shim_fault
next_fault(void)
{
	enum shim_fault fault = SHIM_NONE;

	pthread_mutex_lock(&plan.lock);
	plan.count++;
	if (plan.count >= plan.at && plan.count - plan.at < plan.length)
		fault = plan.fault;
	else if (plan.one_in > 0 && draw() % plan.one_in == 0)
		fault = draw() % 2 == 0 ? SHIM_FULL : SHIM_IO;
	pthread_mutex_unlock(&plan.lock);
	return fault;
}

/* --- a file ----------------------------------------------------------------
 */

/* The real one lies behind it in the same memory. */
struct shim_file {
	sqlite3_file base;
	bool watched;
};

static sqlite3_file *
real(sqlite3_file *f)
{
	return (sqlite3_file *)((struct shim_file *)f + 1);
}

#define PASS(function, ...)                                                    \
	(real(f)->pMethods->function(real(f), ##__VA_ARGS__))

static int
shim_close(sqlite3_file *f)
{
	return PASS(xClose);
}

/* Reads do not count and fail only at random. */
static bool
read_fails(sqlite3_file *f)
{
	bool fails;

	pthread_mutex_lock(&plan.lock);
	fails = ((struct shim_file *)f)->watched && plan.one_in > 0 &&
		draw() % plan.one_in == 0;
	pthread_mutex_unlock(&plan.lock);
	return fails;
}

static int
shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return read_fails(f) ? SQLITE_IOERR_READ : PASS(xRead, p, n, at);
}

static enum shim_fault
fault_of(sqlite3_file *f)
{
	return ((struct shim_file *)f)->watched ? next_fault() : SHIM_NONE;
}

static int
shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	enum shim_fault fault = fault_of(f);
	int whole = fault == SHIM_NONE || fault == SHIM_AFTER;
	int rc = PASS(xWrite, p, whole ? n : n / 2, at);

	if (fault == SHIM_DEATH || fault == SHIM_AFTER)
		_exit(EXIT_DEATH);
	if (fault == SHIM_FULL)
		return SQLITE_FULL;
	return fault == SHIM_IO ? SQLITE_IOERR_WRITE : rc;
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	enum shim_fault fault = fault_of(f);

	if (fault == SHIM_DEATH)
		_exit(EXIT_DEATH);
	if (fault == SHIM_IO)
		return SQLITE_IOERR_TRUNCATE;
	return PASS(xTruncate, size);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
	enum shim_fault fault = fault_of(f);

	if (fault == SHIM_DEATH)
		_exit(EXIT_DEATH);
	if (fault == SHIM_IO)
		return SQLITE_IOERR_FSYNC;
	if (PASS(xSync, flags) != SQLITE_OK)
		return SQLITE_IOERR_FSYNC;
	if (fault == SHIM_AFTER)
		_exit(EXIT_DEATH);
	return SQLITE_OK;
}

static int
shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return PASS(xFileSize, size);
}

static int
shim_lock(sqlite3_file *f, int lock)
{
	return PASS(xLock, lock);
}

static int
shim_unlock(sqlite3_file *f, int lock)
{
	return PASS(xUnlock, lock);
}

static int
shim_reserved(sqlite3_file *f, int *result)
{
	return PASS(xCheckReservedLock, result);
}

static int
shim_control(sqlite3_file *f, int what, void *arg)
{
	return PASS(xFileControl, what, arg);
}

static int
shim_sector(sqlite3_file *f)
{
	return PASS(xSectorSize);
}

static int
shim_device(sqlite3_file *f)
{
	return PASS(xDeviceCharacteristics);
}

static int
shim_map(sqlite3_file *f, int page, int size, int extend, void volatile **p)
{
	return PASS(xShmMap, page, size, extend, p);
}

static int
shim_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return PASS(xShmLock, at, n, flags);
}

static void
shim_barrier(sqlite3_file *f)
{
	PASS(xShmBarrier);
}

static int
shim_unmap(sqlite3_file *f, int delete)
{
	return PASS(xShmUnmap, delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_barrier,
    .xShmUnmap = shim_unmap,
};

/* --- the file system --------------------------------------------------------
 */

static sqlite3_vfs shim, *below;

static int
shim_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct shim_file *s = (struct shim_file *)f;
	int rc = below->xOpen(below, name, real(f), flags, out);

	s->watched = (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0;
	s->base.pMethods = real(f)->pMethods != NULL ? &methods : NULL;
	return rc;
}

void
shim_install(void)
{
	below = sqlite3_vfs_find(NULL);
	shim = *below;
	shim.zName = "shim";
	shim.szOsFile = (int)sizeof(struct shim_file) + below->szOsFile;
	shim.xOpen = shim_open;
	sqlite3_vfs_register(&shim, 1);
}
