/*
 * bodyclient: the shipper's door to the bytes of bodies: a writer of its own
 * that reads the mail for it (bodyserve.h).
 *
 * One question is under way at a time. Who must not be held up asks `soon`, is
 * told ERR_BUSY, and asks again; meanwhile nobody else gets anything. A writer
 * that gives no sign for BODY_SILENT_MS, or takes so long over the bytes of an
 * answer, is given up: its disk may hang, or it was stopped.
 */
#ifndef PB_BODYCLIENT_H
#define PB_BODYCLIENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "hash.h"
#include "mem.h"

struct body_starter;
struct err;
struct os;

#define BODY_SOCKET_VARIABLE "PACKETBOAT_BODIES"
#define BODY_SILENT_MS 60000

struct body_client {
	bool open;
	bool soon; /* the caller's to set: nothing is waited for */
	struct os *os;
	int fd;
	pid_t pid;	  /* 0: no child of ours */
	bool greeted;	  /* it said BODY_HELLO */
	struct buf asked; /* what is under way; empty: nothing */
	uint32_t most;	  /* bytes that were asked for */
	bool answered;	  /* `came` is all of the answer: */
	struct buf came;  /* of the hello, or of the answer */
	int64_t answered_ms;
	int64_t looked_ms, waited_ms; /* last, and in all, without a sign */
};

/* The socket that $PACKETBOAT_BODIES names; NULL: none. */
const char *body_client_socket(void);
/*
 * Start the writer as a child. Its messages go to our stderr. Where
 * $PACKETBOAT_BODIES names a socket, connect to it instead: a service manager
 * starts the writer behind it, with rights that we do not have to hand on.
 * Parameters: os: its clock; starter: who starts it for us; NULL: we do.
 * program: path of packetboat-writer; NULL: beside this program.
 * config: as given with -c, or NULL.
 * Errors: ERR_IO: it could not be started. One that refuses (it says why itself)
 * is known by the first question.
 */
int body_client_open(struct os *os, struct body_starter *starter,
	const char *program, const char *config, struct body_client *ret,
	struct err *err);

/*
 * Append up to `most` bytes of a body, from offset on, to ret: at most
 * BODY_PIECE_MAX are asked for in one call; fewer than asked for come only at
 * the body's end. Pieces in order of offset are cheap.
 * Returns 0 and the body's whole size.
 * Errors: ERR_ABSENT: no message with this body is in the store (any more);
 * ERR_CORRUPT: the file no longer has these bytes, and no other message has;
 * ERR_IO: not now. After ERR_IO with c->open false the child is gone: open
 * again. ERR_BUSY, to who asks `soon`: not yet; c->fd tells when there is more.
 */
int body_client_read(struct body_client *c, const char *account,
	const struct hash *hash, uint64_t offset, size_t most, struct buf *ret,
	uint64_t *ret_size, struct err *err);

/*
 * Append the preview of a body for a peer (lib/mail/preview.h), `most` bytes at
 * most, PREVIEW_LEAST to PREVIEW_MOST. Returns 0. Errors: as body_client_read.
 */
int body_client_preview(struct body_client *c, const char *account,
	const struct hash *hash, const char *peer, size_t most, struct buf *ret,
	struct err *err);

/* End the child and wait for it, not for long. Harmless when not open. */
void body_client_close(struct body_client *c);

#endif
