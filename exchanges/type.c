/* type.c - the types of exchange by name. */
#include "exchanges/type.h"

#include "amqp/table.h"

static const struct exchange_type *const types[] = {
    &type_direct,
    &type_fanout,
    &type_topic,
    &type_headers,
    &type_delayed,
    &type_consistent_hash,
    &type_modulus_hash,
    &type_random,
    &type_local_random,
    &type_recent_history,
};

const struct exchange_type *
exchange_type_find(struct bytes name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (bytes_eq(name, bytes_str(types[i]->name)))
			return types[i];
	return NULL;
}

const struct exchange_type *
exchange_type_rule(const struct exchange_type *type, struct bytes arguments)
{
	struct amqp_value v;

	if (type->rule_argument == NULL)
		return type;
	if (!amqp_table_get(arguments, bytes_str(type->rule_argument), &v) ||
	    v.tag != 'S')
		return NULL;
	type = exchange_type_find(v.bytes);
	return type == NULL || type->keeps != NULL ? NULL : type;
}
