/* on_tx.c - the methods of classes tx and confirm: how a channel publishes. */
#include "broker/channel.h"
#include "broker/server.h"
#include "broker/tx.h"

int
on_confirm_select(struct channel *ch, const struct amqp_method *m)
{
	if (ch->tx != NULL)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "cannot switch from tx to confirm mode");
	ch->confirming = true;
	if (!m->confirm_select.nowait)
		channel_reply(
		    ch, &(struct amqp_method){AMQP_confirm_select_ok});
	return AMQP_OK;
}

int
on_tx_select(struct channel *ch, const struct amqp_method *m)
{
	if (ch->confirming)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "cannot switch from confirm to tx mode");
	if (ch->tx == NULL)
		ch->tx = tx_new();
	ch->cache.generation = 0; /* it knows another way */
	channel_reply(ch, &(struct amqp_method){AMQP_tx_select_ok});
	return AMQP_OK;
}

static int
check_transactional(struct channel *ch)
{
	if (ch->tx != NULL)
		return AMQP_OK;
	return channel_refuse(
	    ch, AMQP_PRECONDITION_FAILED, "channel is not transactional");
}

/* Comes back once more if the commit took a job: then it is done. */
int
on_tx_commit(struct channel *ch, const struct amqp_method *m)
{
	int code = check_transactional(ch);

	if (code != AMQP_OK)
		return code;
	if (!ch->committing && !tx_commit(ch)) {
		ch->committing = true;
		return CHANNEL_WAIT;
	}
	ch->committing = false;
	if (ch->partial) {
		ch->partial = false;
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "partial tx completion");
	}
	server_stored(ch->server);
	channel_reply(ch, &(struct amqp_method){AMQP_tx_commit_ok});
	return AMQP_OK;
}

int
on_tx_rollback(struct channel *ch, const struct amqp_method *m)
{
	int code = check_transactional(ch);

	if (code != AMQP_OK)
		return code;
	tx_rollback(ch);
	channel_reply(ch, &(struct amqp_method){AMQP_tx_rollback_ok});
	return AMQP_OK;
}
