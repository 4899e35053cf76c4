/* fuzz_props.c - properties are read, written back octet for octet, and noted
 * on a message. */
#include "amqp/message.h"
#include "amqp/props.h"
#include "tests/fuzz/fuzz.h"

static void
check_writing(struct bytes wire, const struct amqp_props *props)
{
	struct writer w = {0};
	amqp_props_write(&w, props);
	MUST(bytes_eq(writer_view(&w), wire));
	writer_fini(&w);
}

static void
check_cuts(struct bytes wire)
{
	struct amqp_props props;
	for (size_t n = 0; n < wire.n; n += 1 + n / 8)
		MUST(!amqp_props_parse((struct bytes){wire.p, n}, &props));
}

/* A message is made of malformed ones too, and must not read past them. */
static struct message *
make_message(struct bytes wire)
{
	struct message *m = message_new(BYTES("e"), BYTES("k"), wire, 1);
	MUST(m != NULL && bytes_eq(message_props(m), wire));
	return m;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes wire = {data, size};
	struct amqp_props props;
	struct message *m = make_message(wire);
	if (amqp_props_parse(wire, &props)) {
		check_writing(wire, &props);
		check_cuts(wire);
		MUST(m->persistent == (props.delivery_mode == 2));
		MUST(m->priority == props.priority);
	}
	message_unref(m);
	return 0;
}
