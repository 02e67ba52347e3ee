/*
 * segment: one log file: its header, and reading it frame by frame.
 *
 *    0  magic, version, size of header           89 'P' 'B' 'S' CR LF 1A LF …
 *   12  required, optional feature bits
 *   20  origin, incarnation, folder
 *   52  first lsn, base time, chain before
 *   76  account
 *    …  checksum of all before
 *
 * Magic, version, size and checksum are where they are in every version, so
 * that a damaged header and one made by a newer packetboat are told apart.
 *
 * A reader holds a window of the file: one read-ahead, or one frame where
 * that is longer; never the file.
 */
#include "segment_private.h"
#include "err.h"
#include "hash.h"
#include "wire.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_SIZE 8
#define VERSION 1
#define CHECKSUM_SIZE 8
#define HEADER_FIXED 77 /* up to the account's bytes */
#define HEADER_MIN (HEADER_FIXED + CHECKSUM_SIZE)
#define HEADER_MAX 4096
#define REQUIRED_KNOWN 0u
#define READ_AHEAD ((size_t)64 * 1024)

static const uint8_t magic[MAGIC_SIZE] = {
	0x89, 'P', 'B', 'S', '\r', '\n', 0x1a, '\n'};

void segment_header_encode(const struct segment_header *h, struct buf *ret)
{
	size_t account_len = strlen(h->account);
	size_t start = ret->len;

	buf_add(ret, magic, sizeof(magic));
	wire_add_u16(ret, VERSION);
	wire_add_u16(ret, (uint16_t)(HEADER_MIN + account_len));
	wire_add_u32(ret, h->required);
	wire_add_u32(ret, h->optional);
	wire_add_u64(ret, h->log.origin);
	wire_add_u64(ret, h->log.incarnation);
	buf_add(ret, h->log.folder.b, sizeof(h->log.folder.b));
	wire_add_u64(ret, h->first_lsn);
	wire_add_u64(ret, h->base_ms);
	wire_add_u64(ret, h->chain_before);
	buf_add_byte(ret, (uint8_t)account_len);
	buf_add(ret, h->account, account_len);
	wire_add_u64(ret, hash_check(ret->data + start, ret->len - start, 0));
}

/* A start that is not the magic: say what happened to it, if it shows. */
static int wrong_magic(const uint8_t *data, size_t len, struct err *err)
{
	const uint8_t *name = memmem(data, len < 16 ? len : 16, magic + 1, 3);
	const char *why;

	if (!name)
		return err_set(err, ERR_CORRUPT, "no segment: wrong magic");
	if (name == data + 1 && data[0] == (magic[0] & 0x7f))
		why = "the eighth bit is lost";
	else if (name == data + 1 && data[0] == magic[0])
		why = "line ends were changed";
	else
		why = "characters were converted";
	return err_set(err, ERR_CORRUPT,
		"mangled by a text-mode transfer (%s): send it again in "
		"binary mode",
		why);
}

/* Whole and unharmed, whatever version: its size, or an error. */
static int check_whole(const uint8_t *data, size_t len, uint16_t *ret_version,
	size_t *ret_size, struct err *err)
{
	size_t seen = len < MAGIC_SIZE ? len : MAGIC_SIZE;
	struct wire w = wire_over(data, len);
	struct wire sum;
	size_t size;

	if (memcmp(data, magic, seen) != 0)
		return wrong_magic(data, len, err);
	wire_raw(&w, MAGIC_SIZE);
	*ret_version = wire_u16(&w);
	size = wire_u16(&w);
	if (w.bad)
		return err_set(err, ERR_TORN, "ends inside its header");
	if (size < HEADER_MIN || size > HEADER_MAX)
		return err_set(err, ERR_CORRUPT,
			"header of %zu bytes is out of bounds", size);
	if (size > len)
		return err_set(err, ERR_TORN,
			"ends inside its header: %zu of %zu bytes", len, size);
	sum = wire_over(data + size - CHECKSUM_SIZE, CHECKSUM_SIZE);
	if (wire_u64(&sum) != hash_check(data, size - CHECKSUM_SIZE, 0))
		return err_set(err, ERR_CORRUPT,
			"header is damaged: checksum does not match");
	*ret_size = size;
	return 0;
}

static bool account_is_valid(const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return true;
}

/* The fields behind size, of a header found whole. */
static int take_fields(
	struct wire *w, struct segment_header *ret, struct err *err)
{
	const uint8_t *bytes;
	size_t len;

	ret->required = wire_u32(w);
	ret->optional = wire_u32(w);
	if (ret->required & ~REQUIRED_KNOWN)
		return err_set(err, ERR_LIMIT,
			"needs features %#" PRIx32
			" that are unknown: made by a newer packetboat",
			ret->required & ~REQUIRED_KNOWN);
	ret->log.origin = wire_u64(w);
	ret->log.incarnation = wire_u64(w);
	bytes = wire_raw(w, sizeof(ret->log.folder.b));
	if (bytes)
		memcpy(ret->log.folder.b, bytes, sizeof(ret->log.folder.b));
	ret->first_lsn = wire_u64(w);
	ret->base_ms = wire_u64(w);
	ret->chain_before = wire_u64(w);
	len = wire_u8(w);
	bytes = wire_raw(w, len);
	if (!bytes || !account_is_valid(bytes, len))
		return err_set(err, ERR_CORRUPT,
			"header's account is no account name");
	memcpy(ret->account, bytes, len);
	if (ret->first_lsn == 0)
		return err_set(err, ERR_CORRUPT, "header's first lsn is 0");
	return 0;
}

int segment_header_decode(const void *data, size_t len,
	struct segment_header *ret, size_t *ret_size, struct err *err)
{
	struct segment_header h = {0};
	uint16_t version = 0;
	struct wire w;
	size_t size = 0;
	int r;

	if (len == 0)
		return err_set(err, ERR_TORN, "ends inside its header");
	r = check_whole(data, len, &version, &size, err);
	if (r < 0)
		return r;
	if (version != VERSION)
		return err_set(err, ERR_LIMIT,
			"format version %d is unknown: made by a newer "
			"packetboat",
			version);
	w = wire_over(data, size - CHECKSUM_SIZE);
	wire_raw(&w, MAGIC_SIZE + 2 + 2);
	r = take_fields(&w, &h, err);
	if (r < 0)
		return r;
	*ret = h;
	*ret_size = size;
	return 0;
}

/* ---- the reader ---- */

/* The bytes of the window from r->at on. */
static const uint8_t *window_here(const struct segment_reader *r)
{
	return r->window.data + (r->at - r->window_at);
}

static size_t window_left(const struct segment_reader *r)
{
	return r->window.len - (size_t)(r->at - r->window_at);
}

/*
 * Have at least need bytes in the window, or all that there are up to the
 * limit; where the file has to be asked, ask for up to `ask` at once.
 */
static int window_fill(
	struct segment_reader *r, size_t need, size_t ask, struct err *err)
{
	size_t have = window_left(r);
	int64_t left = r->limit - r->at - (int64_t)have;
	size_t len;
	int rc;

	if (have >= need || left == 0)
		return 0;
	len = (ask > need ? ask : need) - have;
	if (left < (int64_t)len)
		len = (size_t)left;
	if (have && r->window_at != r->at)
		memmove(r->window.data, window_here(r), have);
	r->window.len = have;
	r->window_at = r->at;
	rc = os_read_all(r->os, r->fd, buf_room(&r->window, len), len,
		r->at + (int64_t)have, r->path, err);
	if (rc < 0)
		return rc;
	r->window.len += len;
	return 0;
}

/* Open the file, see how far it may be read, decode its header. */
static int reader_start(
	struct segment_reader *r, int64_t limit, struct err *err)
{
	struct os_stat st;
	size_t size;
	int rc;

	r->fd = r->os->ops->open(r->os, r->path, O_RDONLY, 0);
	if (r->fd < 0)
		return err_set_os(err, -r->fd, "open %s", r->path);
	rc = r->os->ops->fstat(r->os, r->fd, &st);
	if (rc < 0)
		return err_set_os(err, -rc, "stat %s", r->path);
	if (limit > st.size)
		return err_set(err, ERR_CORRUPT,
			"%s: has %" PRId64 " bytes where %" PRId64
			" are durable",
			r->path, st.size, limit);
	r->limit = limit < 0 ? st.size : limit;
	rc = window_fill(r, HEADER_MAX, HEADER_MAX, err);
	if (rc < 0)
		return rc;
	rc = segment_header_decode(
		r->window.data, r->window.len, &r->header, &size, err);
	if (rc < 0) {
		err_wrap(err, "%s", r->path);
		return rc;
	}
	r->at = (int64_t)size;
	r->lsn = r->header.first_lsn;
	r->chain = r->header.chain_before;
	return 0;
}

int segment_reader_open(struct segment_reader *r, struct os *os,
	const char *path, int64_t limit, struct err *err)
{
	int rc;

	*r = (struct segment_reader){.os = os, .fd = -1};
	r->path = mem_dup(path);
	rc = reader_start(r, limit, err);
	if (rc < 0)
		segment_reader_close(r);
	return rc;
}

/* Bring the whole frame at r->at into the window, or all there is of it. */
static int window_frame(struct segment_reader *r, struct err *err)
{
	struct frame_head head;
	int rc;

	rc = window_fill(r, FRAME_HEAD_MAX, READ_AHEAD, err);
	if (rc < 0)
		return rc;
	/* what is wrong with the head, frame_decode says in a moment */
	if (frame_head_decode(window_here(r), window_left(r), &head, NULL) < 0)
		return 0;
	return window_fill(
		r, head.len + FRAME_CHAIN_SIZE + head.size, READ_AHEAD, err);
}

int segment_reader_next(
	struct segment_reader *r, struct frame *ret, struct err *err)
{
	int rc;

	if (r->at == r->limit)
		return 0;
	rc = window_frame(r, err);
	if (rc < 0)
		return rc;
	rc = frame_decode(window_here(r), window_left(r), r->chain, ret, err);
	if (rc == 0 && ret->count > UINT64_MAX - r->lsn)
		rc = err_set(err, ERR_CORRUPT, "lsns run over");
	if (rc < 0) {
		err_wrap(err, "%s: frame at %" PRId64, r->path, r->at);
		return rc;
	}
	ret->first_lsn = r->lsn;
	ret->at = r->at;
	ret->base_ms = r->header.base_ms;
	r->lsn += ret->count;
	r->chain = ret->chain;
	r->at += ret->size;
	return 1;
}

void segment_reader_close(struct segment_reader *r)
{
	if (r->fd >= 0)
		r->os->ops->close(r->os, r->fd);
	free(r->path);
	buf_free(&r->window);
	*r = (struct segment_reader){.fd = -1};
}
