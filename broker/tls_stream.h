/* tls_stream.h - bytes through TLS: plain on our side, records on the socket.
 *
 * Reads come from the socket directly. What is to be sent is sealed into memory
 * first and sent from there, so that sealing never waits and a whole block costs
 * one system call. An idle stream owns no output buffer. */
#ifndef BROKER_TLS_STREAM_H
#define BROKER_TLS_STREAM_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

struct ssl_ctx_st;
struct ssl_st;
struct tls_stream;

/* The server's end of a stream over a socket that does not block and stays the
 * caller's. The context is shared, and kept for as long as the stream. */
struct tls_stream *tls_stream_new(struct ssl_ctx_st *, int fd);
void tls_stream_free(struct tls_stream *);

/* Like read(2), the handshake included: bytes, 0 at the end, or -1 with errno;
 * EPROTO is what tls_stream_error explains. It may leave something to be sent. */
ssize_t tls_stream_read(struct tls_stream *, void *, size_t);

/* Seals some of what is given, and returns how many bytes; -1 with errno. Only
 * when nothing is unsent. */
ssize_t tls_stream_seal(struct tls_stream *, const struct iovec *, int count);

/* Sends what is sealed. 0: all of it; 1: the socket is full; -1 with errno. */
int tls_stream_send(struct tls_stream *);
bool tls_stream_unsent(const struct tls_stream *);

/* Says goodbye (close_notify, RFC 8446 6.1), once; to be sent. */
void tls_stream_end(struct tls_stream *);

/* Is there input that the socket will not announce any more? */
bool tls_stream_has_input(const struct tls_stream *);

/* Is the handshake over? */
bool tls_stream_established(const struct tls_stream *);

/* A sentence about the last EPROTO; good until the next call. */
const char *tls_stream_error(const struct tls_stream *);

/* OpenSSL's own view, for those who look at certificates. */
struct ssl_st *tls_stream_ssl(const struct tls_stream *);

#endif
