/* queue_type.c - the types of queue that x-queue-type names. */
#include "broker/queue_type.h"

#include "amqp/table.h"

static const struct queue_type types[] = {
    {QUEUE_CLASSIC, "classic", "rabbit_classic_queue"},
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
