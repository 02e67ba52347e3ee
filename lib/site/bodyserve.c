#include "bodyserve.h"

#include <string.h>

#include "config.h"
#include "err.h"
#include "preview.h"
#include "wire.h"

void body_request_encode(const struct body_request *q, struct buf *ret)
{
	wire_add_bytes(ret, q->account, strlen(q->account));
	wire_add_bytes(ret, q->peer, strlen(q->peer));
	buf_add(ret, q->hash.b, sizeof(q->hash.b));
	wire_add_u64(ret, q->offset);
	wire_add_u32(ret, q->most);
}

_Static_assert(CONFIG_PREVIEW_LEAST == PREVIEW_LEAST &&
		       CONFIG_PREVIEW_MOST == PREVIEW_MOST,
	"what may be configured can be asked for");

static bool range_ok(bool preview, uint64_t offset, uint32_t most)
{
	if (preview)
		return !offset && most >= PREVIEW_LEAST && most <= PREVIEW_MOST;
	return most && most <= BODY_PIECE_MAX;
}

int body_request_decode(
	const void *data, size_t len, struct body_request *ret, struct err *err)
{
	struct wire w = wire_over(data, len);
	size_t name_len = 0, peer_len = 0;
	const uint8_t *name = wire_bytes(&w, BODY_ACCOUNT_MAX, &name_len);
	const uint8_t *peer = wire_bytes(&w, BODY_PEER_MAX, &peer_len);
	const uint8_t *hash = wire_raw(&w, HASH_SIZE);
	uint64_t offset = wire_u64(&w);
	uint32_t most = wire_u32(&w);

	if (w.bad && len < BODY_REQUEST_MAX)
		return 0;
	if (w.bad || !name_len || memchr(name, 0, name_len) ||
		(peer_len && memchr(peer, 0, peer_len)) ||
		!range_ok(peer_len != 0, offset, most))
		return err_set(err, ERR_CORRUPT, "not a body request");
	memcpy(ret->account, name, name_len);
	ret->account[name_len] = '\0';
	memcpy(ret->peer, peer, peer_len);
	ret->peer[peer_len] = '\0';
	memcpy(ret->hash.b, hash, HASH_SIZE);
	ret->offset = offset;
	ret->most = most;
	return (int)(len - wire_left(&w));
}

void body_answer_encode(const struct body_answer *a, struct buf *ret)
{
	buf_add_byte(ret, (uint8_t)a->status);
	wire_add_u64(ret, a->size);
	wire_add_u32(ret, a->len);
}

int body_answer_decode(const void *data, uint32_t most, struct body_answer *ret,
	struct err *err)
{
	struct wire w = wire_over(data, BODY_ANSWER_HEAD);
	uint8_t status = wire_u8(&w);

	ret->status = (enum body_status)status;
	ret->size = wire_u64(&w);
	ret->len = wire_u32(&w);
	if (status > BODY_WORKING || ret->len > BODY_PIECE_MAX ||
		(status == BODY_OK && ret->len > most) ||
		(status == BODY_WORKING && ret->len))
		return err_set(err, ERR_CORRUPT, "not an answer about a body");
	return 0;
}
