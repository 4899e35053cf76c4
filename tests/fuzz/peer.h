/* peer.h - a client's end of a connection that believes nothing it is told: all
 * that comes must be well-formed, in order, and allowed where it comes. */
#ifndef PEER_H
#define PEER_H

#include "amqp/method.h"
#include "tests/fuzz/stage.h"

enum { CHANNELS = 4, TAGS = 16 };

struct peer_channel {
	bool open; /* open-ok has come, and no close since */
	bool asked; /* open was sent, and no end has come since */
	uint64_t confirmed, delivered; /* the highest tags told */
	uint64_t tags[TAGS];	       /* the last deliveries */
	unsigned acks, nacks, returns, gets, deliveries, empties;
	uint32_t declared;	/* messages, in the last declare-ok */
	uint32_t due;		/* the method whose content comes; 0: none */
	bool has_header;
	uint64_t size, left;	/* of that body */
};

struct peer {
	struct stage *stage;
	int fd;	    /* -1: none */
	bool deaf;  /* does not read */
	bool closing; /* was told connection.close */
	bool blocked; /* was told so */
	bool checks_bodies; /* all bodies are those of peer_body */
	bool shut;	/* has closed its side */
	uint64_t published; /* at most, on all channels */
	struct writer out;  /* to be sent */
	struct writer in;   /* come, but not yet a frame */
	struct peer_channel channels[CHANNELS];
	char named[64]; /* the last name made by the server */
};

/* The channels' numbers, of which 65535 is one. */
uint16_t peer_number(unsigned channel);

/* Connects; login puts everything up to connection.open into the output. */
void peer_connect(struct peer *, struct stage *);
void peer_login(struct peer *, uint16_t heartbeat);
void peer_close(struct peer *); /* at once; frees what it holds */

/* Puts a frame into the output. peer_publish is method, header and body, cut
 * into frames of at most chunk bytes. */
void peer_frame(
    struct peer *, uint8_t type, uint16_t channel, struct bytes payload);
void peer_method(struct peer *, uint16_t channel, const struct amqp_method *);
void peer_publish(struct peer *, uint16_t channel,
    const struct amqp_method *publish, struct bytes props, size_t size,
    size_t chunk);

/* size bytes that tell whether any were lost. */
struct bytes peer_body(size_t size);

/* Sends at most n bytes of the output; reads all that has come. */
void peer_send(struct peer *, size_t n);
void peer_read(struct peer *);

#endif
