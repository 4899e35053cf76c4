/* fuzz_definitions.c - definitions files that say anything at all, read by a broker
 * that has something already.
 *
 * What is refused must change nothing, byte for byte. What is taken must be
 * exported, and that file taken again without changing anything. */
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/definitions.h"
#include "broker/server.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/stage.h"

enum { SIZE_LIMIT = 65536 };

static const struct bytes base = BYTES(
    "{\"vhosts\":[{\"name\":\"v\",\"limits\":{\"max-queues\":9}}],"
    "\"users\":[{\"name\":\"u\",\"tags\":\"a,b\",\"password_hash\":\"AAAA\"}],"
    "\"permissions\":[{\"user\":\"u\",\"vhost\":\"v\",\"configure\":\"\","
    "\"write\":\".*\",\"read\":\"^a\"}],"
    "\"policies\":[{\"vhost\":\"v\",\"name\":\"p\",\"pattern\":\"\","
    "\"definition\":{\"max-length\":5}}],"
    "\"queues\":[{\"name\":\"q\",\"vhost\":\"v\",\"durable\":true,"
    "\"auto_delete\":false,\"arguments\":{\"x-max-length\":3}}],"
    "\"exchanges\":[{\"name\":\"x\",\"vhost\":\"v\",\"type\":\"headers\","
    "\"durable\":true,\"auto_delete\":false}],"
    "\"bindings\":[{\"source\":\"x\",\"vhost\":\"v\",\"destination\":\"q\","
    "\"destination_type\":\"queue\",\"routing_key\":\"k\","
    "\"arguments\":{\"x-match\":\"any\",\"n\":1}}]}");

static bool
import(struct stage *s, struct bytes text)
{
	uint8_t *memory = xmalloc(text.n + 1);
	struct bytes copy = {memory, text.n};
	struct import *im;
	bool taken;

	put_bytes(memory, text);
	im = import_new(s->server, memory, copy, BYTES("v"));
	taken = import_run(im);
	MUST(taken == (import_error(im) == NULL));
	import_unref(im);
	return taken;
}

/* Own. */
static struct bytes
exported(struct stage *s)
{
	struct export *e = export_new(s->server);
	struct bytes text;

	for (size_t budget = 1; !export_step(e, &budget); budget = 7)
		continue;
	text = xbytesdup(export_text(e));
	export_free(e);
	return text;
}

static void
check(struct stage *s, struct bytes input)
{
	struct bytes before = exported(s), after, again;
	bool taken = import(s, input);

	after = exported(s);
	MUST(taken || bytes_eq(before, after));
	MUST(import(s, after));
	again = exported(s);
	MUST(again.n == after.n); /* members may stand in another order */
	free((void *)before.p);
	free((void *)after.p);
	free((void *)again.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage s = {.commits = true};

	if (size > SIZE_LIMIT)
		return 0;
	stage_open(&s, 16);
	MUST(import(&s, base));
	check(&s, (struct bytes){data, size});
	stage_settle(&s);
	stage_close(&s);
	return 0;
}
