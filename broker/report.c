/* report.c - leveretctl's report: the answers of many commands, one behind another. */
#include "broker/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/control.h"

/* In RabbitMQ's order, with all columns there are. */
static const char *const of_broker[] = {
    "status",
    "cluster_status",
    "environment",
    "list_connections pid name port host peer_port peer_host ssl ssl_protocol "
    "ssl_key_exchange ssl_cipher ssl_hash peer_cert_subject peer_cert_issuer "
    "peer_cert_validity state channels protocol auth_mechanism user vhost "
    "timeout frame_max channel_max client_properties recv_oct recv_cnt "
    "send_oct send_cnt send_pend connected_at",
    "list_channels pid connection name number user vhost transactional confirm "
    "consumer_count messages_unacknowledged messages_uncommitted "
    "acks_uncommitted messages_unconfirmed prefetch_count "
    "global_prefetch_count",
    "command_line_arguments",
    "os_env",
    NULL,
};

static const char *const of_vhost[] = {
    "list_queues name durable auto_delete arguments policy pid owner_pid "
    "exclusive exclusive_consumer_pid exclusive_consumer_tag messages_ready "
    "messages_unacknowledged messages messages_ready_ram "
    "messages_unacknowledged_ram messages_ram messages_persistent "
    "message_bytes message_bytes_ready message_bytes_unacknowledged "
    "message_bytes_ram message_bytes_persistent head_message_timestamp "
    "disk_reads disk_writes consumers consumer_utilisation consumer_capacity "
    "memory slave_pids synchronised_slave_pids state type leader members "
    "online",
    "list_exchanges name type durable auto_delete internal arguments policy",
    "list_bindings source_name source_kind destination_name destination_kind "
    "routing_key arguments",
    "list_permissions",
    "list_policies",
    "list_global_parameters",
    "list_parameters",
    NULL,
};

bool
report_command(const struct question *q)
{
	return q->words.command == &commands[COMMAND_report];
}

/* Asks one command, to go where out says. */
static int
ask_part(const struct question *q, const char *line, const char *vhost,
    const struct printer *printer)
{
	struct question part = *q;
	const char *list[WORDS_MAX];
	char error[256], *words = xstrdup(line), *rest = NULL;
	int code = CODE_USAGE;

	part.list = list;
	part.count = 0;
	part.printer = *printer;
	part.told = false;
	for (char *word = strtok_r(words, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		list[part.count++] = word;
	if (vhost != NULL) {
		list[part.count++] = "--vhost";
		list[part.count++] = vhost;
	}
	if (words_split(&part.words, list, part.count, error, sizeof error))
		code = ask(&part);
	free(words);
	return code;
}

static int
ask_parts(
    const struct question *q, const char *const *lines, const char *vhost)
{
	int code = CODE_OK, one = CODE_OK;

	for (; *lines != NULL && one != CODE_UNAVAILABLE; lines++) {
		putc('\n', q->printer.out);
		one = ask_part(q, *lines, vhost, &q->printer);
		if (code == CODE_OK)
			code = one;
	}
	return code;
}

/* An array of {"name": text}: a name may hold newlines. */
static json_t *
list_vhosts(const struct question *q, int *code)
{
	struct printer document = {.format = FORMAT_JSON};
	char *text = NULL;
	json_t *list;
	size_t size;

	document.out = open_memstream(&text, &size);
	if (document.out == NULL)
		abort();
	*code = ask_part(q, "list_vhosts name", NULL, &document);
	fclose(document.out);
	list = json_loads(text, 0, NULL);
	free(text);
	return list;
}

int
report_run(struct question *q)
{
	const struct printer printer = q->printer;
	json_t *list, *vhost;
	int code = ask(q), one;
	size_t i;

	q->printer = printer;
	if (code != CODE_OK || (code = ask_parts(q, of_broker, NULL)) != CODE_OK)
		return code;
	list = list_vhosts(q, &code);
	json_array_foreach(list, i, vhost) {
		one = ask_parts(q, of_vhost,
		    json_string_value(json_object_get(vhost, "name")));
		if (code == CODE_OK)
			code = one;
		if (one == CODE_UNAVAILABLE)
			break;
	}
	json_decref(list);
	return code;
}
