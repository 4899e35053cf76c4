/* policy.h - what operators ask of queues and exchanges whose names match.
 *
 * A policy's definition is told as the x-arguments it stands for. Of a vhost's
 * policies the one of the highest priority that matches counts, and of its
 * operator policies likewise; where both have a limit the smaller one counts, and
 * so it is between them and the queue's own argument. Of everything else the
 * argument counts before the policy (RabbitMQ: rabbit_policy.erl,
 * rabbit_policies.erl). A change reaches what is there already in slices. */
#ifndef BROKER_POLICY_H
#define BROKER_POLICY_H

#include <jansson.h>
#include <stdbool.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"

struct exchange;
struct policy;
struct queue;
struct vhost;

/* Writes what is wrong with the value of a parameter of component policy or
 * operator_policy. */
void policy_check(struct writer *why, struct bytes name, const json_t *);
void policy_check_operator(struct writer *why, struct bytes name, const json_t *);

/* Takes one in force, or out of it if value is NULL. The value is checked. */
void policy_act(struct vhost *, struct bytes name, const json_t *value);
void policy_act_operator(
    struct vhost *, struct bytes name, const json_t *value);

/* The policy that counts for it, or NULL. */
const struct policy *policy_for_queue(const struct queue *, bool operators);
const struct policy *policy_for_exchange(
    const struct vhost *, const struct exchange *);

struct bytes policy_name(const struct policy *);

/* What both say together, as JSON on one line; malloc'd. */
char *policy_effective(const struct queue *);

/* The queue's arguments as its policies change them, a table written to w, which
 * is empty: the arguments count as they are. */
void policy_merge(const struct queue *, struct writer *);

/* Something new: asks the policies for it. */
void policy_apply_to_queue(struct queue *);
void policy_apply_to_exchange(struct vhost *, struct exchange *);

/* For the end of a vhost. */
void policies_free(struct vhost *);

#endif
