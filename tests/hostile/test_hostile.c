/* test_hostile.c - what peers do that mean no good, or know no better, and what
 * the broker must not do then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "tests/hostile/client.h"
#include "tests/hostile/rig.h"

/* --- errors ----------------------------------------------------------------- */

/* The refusal's words lay in the channel, which goes before they are said. */
static void
test_hard_error(void)
{
	struct client *c = client_open();
	struct amqp_method m;

	client_channel(c, 1);
	client_send(c, 1,
	    &(struct amqp_method){AMQP_basic_qos, .basic_qos = {7, 1, false}});
	if (client_expect(c, AMQP_connection_close, &m))
		CHECK(bytes_eq(m.connection_close.reply_text,
		    BYTES("NOT_IMPLEMENTED - prefetch_size!=0 (7)")));
	client_send(c, 0, &(struct amqp_method){AMQP_connection_close_ok});
	CHECK(client_ended(c, ANSWER_MS));
	client_drop(c);
}

static const struct test tests[] = {
    {"a hard error is told whole", test_hard_error, {NULL}},
};

int
main(int argc, char **argv)
{
	return rig_main(tests, sizeof tests / sizeof *tests, argc, argv);
}
