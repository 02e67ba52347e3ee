/*
 * bodyserve: how the shipper, which may not read mail, asks the writer for
 * the bytes of a body (docs/format.md, Body requests).
 *
 * One stream each way, over the socket pair that body_client_open makes; the
 * server is `packetboat-writer --serve` with the stream as its standard input
 * and output. It begins by saying BODY_HELLO, then answers one request after
 * the other, in order, until its input ends.
 *
 *   request = varint len, account name   len bytes, 1..255
 *             varint len, peer name      len bytes, 0..255
 *             hash                       20 bytes
 *             offset                     u64
 *             most                       u32, 1..BODY_PIECE_MAX
 *
 * With a peer's name it is the mail's preview for that peer that is wanted
 * (lib/mail/preview.h), all of it: offset 0, most PREVIEW_LEAST..PREVIEW_MOST.
 *
 *   answer  = status                     u8, enum body_status
 *             size                       u64, of the whole body; 0 unless OK
 *             len                        u32, at most `most`
 *             bytes                      OK: of the body, from offset on, or
 *                                        its preview;
 *                                        FAILED: why, as text
 *
 * Numbers are little-endian. Fewer bytes than asked for come only at the end
 * of the body. No byte is handed out before the whole body was found to have
 * the hash asked for. While that takes long the server says WORKING before the
 * answer, now and then: who hears nothing may give it up.
 */
#ifndef PB_BODYSERVE_H
#define PB_BODYSERVE_H

#include "hash.h"
#include "mem.h"

struct err;

#define BODY_HELLO "packetboat bodies 3\n"
#define BODY_PIECE_MAX (1u << 20)
#define BODY_ACCOUNT_MAX 255u
#define BODY_PEER_MAX 255u
#define BODY_REQUEST_MAX                                                       \
	(4u + BODY_ACCOUNT_MAX + BODY_PEER_MAX + HASH_SIZE + 8u + 4u)
#define BODY_ANSWER_HEAD 13u
#define BODY_SIGN_MS 5000 /* so often the server says WORKING */

enum body_status {
	BODY_OK = 0,
	BODY_GONE = 1,	  /* no message with this body is in the store */
	BODY_DAMAGED = 2, /* a file no longer has the bytes it had */
	BODY_FAILED = 3,  /* could not look now: later */
	BODY_WORKING = 4  /* no answer yet, but at work: size 0, len 0 */
};

struct body_request {
	char account[BODY_ACCOUNT_MAX + 1];
	char peer[BODY_PEER_MAX + 1]; /* "": the body itself is wanted */
	struct hash hash;
	uint64_t offset;
	uint32_t most;
};

struct body_answer {
	enum body_status status;
	uint64_t size;
	uint32_t len; /* of the bytes that follow */
};

/* Append a request's bytes to ret. Its fields are within the limits. */
void body_request_encode(const struct body_request *q, struct buf *ret);
/*
 * Take a request from the start of data. Returns its length in bytes, or 0
 * when it goes on behind them. Errors: ERR_CORRUPT.
 */
int body_request_decode(const void *data, size_t len, struct body_request *ret,
	struct err *err);
/* Append an answer's head to ret; its bytes follow it. */
void body_answer_encode(const struct body_answer *a, struct buf *ret);
/* data: BODY_ANSWER_HEAD bytes. Errors: ERR_CORRUPT. */
int body_answer_decode(const void *data, uint32_t most, struct body_answer *ret,
	struct err *err);

#endif
