/* replay.c - runs a harness over the files of its corpus, each in a process of
 * its own, with any compiler.
 *
 * replay_X [FILE...]; without arguments, all of tests/fuzz/corpus/fuzz_X. */
#include <dirent.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "tests/fuzz/fuzz.h"

static int passed, failed;

/* In memory of just its size, so that reading past it is seen. */
static void
replay(const char *path)
{
	struct writer w = {0};
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	while (!feof(file) && !ferror(file))
		w.n += fread(writer_room(&w, 4096), 1, 4096, file);
	fclose(file);
	uint8_t *data = malloc(w.n + 1);
	if (w.n != 0)
		memcpy(data + 1, w.p, w.n);
	LLVMFuzzerTestOneInput(data + 1, w.n);
	free(data);
	writer_fini(&w);
}

static void
replay_apart(const char *path)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		replay(path);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		printf("FAILED %s: status %d\n", path, status);
		failed++;
	} else {
		passed++;
	}
}

static void
replay_folder(const char *path)
{
	DIR *folder = opendir(path);
	if (folder == NULL) {
		perror(path);
		exit(1);
	}
	for (struct dirent *e; (e = readdir(folder)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		char *file = xasprintf("%s/%s", path, e->d_name);
		replay_apart(file);
		free(file);
	}
	closedir(folder);
}

int
main(int argc, char **argv)
{
	const char *source = getenv("srcdir");
	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 1; i < argc; i++)
		replay_apart(argv[i]);
	if (argc == 1) {
		char *folder = xasprintf("%s/tests/fuzz/corpus/%s",
		    source != NULL ? source : ".", HARNESS);
		replay_folder(folder);
		free(folder);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return passed != 0 && failed == 0 ? 0 : 1;
}
