/* queue_type.c - the types of queue that x-queue-type names. */
#include "broker/queue_type.h"

#include "amqp/table.h"

static const struct queue_type types[] = {
    {.bit = QUEUE_CLASSIC,
	.name = "classic",
	.module = "rabbit_classic_queue",
	.refuses_all = true,
	.conditional_delete = true,
	.channel_prefetch = true,
	.exclusive_consumer = true,
	.single_get = true,
	.single_rank = true,
	.dead_refused = true},
    {.bit = QUEUE_QUORUM,
	.name = "quorum",
	.module = "rabbit_quorum_queue",
	.permanent = true,
	.stores_all = true,
	.holds = true,
	.counts = true},
};

const struct queue_type *
queue_type_find(struct bytes name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (bytes_eq(name, bytes_str(types[i].name)))
			return &types[i];
	return NULL;
}

const struct queue_type *
queue_type_of(struct bytes arguments)
{
	struct amqp_value v;

	if (!amqp_table_get(arguments, BYTES("x-queue-type"), &v))
		return &types[0];
	return v.tag == 'S' ? queue_type_find(v.bytes) : NULL;
}

const char *
queue_type_wrong(const struct queue_type *type, bool durable, bool exclusive,
    bool auto_delete)
{
	if (!type->permanent)
		return NULL;
	return auto_delete ? "auto-delete"
	    : exclusive	   ? "exclusive-owner"
	    : !durable	   ? "non-durable"
			   : NULL;
}
