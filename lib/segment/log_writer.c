/*
 * log_writer: appending to a log.
 *
 *   file A  header|frame|frame|frame|        sealed by the start of B
 *   file B  header|frame|frame|~~~~~~~       last file
 *                             ^ durable end  what is beyond does not exist
 *
 * 1. Below the durable end nothing is ever written again.
 * 2. Before a frame goes into a file, its header and its name are durable;
 *    before a file is begun, all of the one before is.
 * 3. After a failed write or fsync nothing more is written through this
 *    writer; and never again to that file, because the next fsync of it would
 *    report success with the data lost. Such a file is known by what lies
 *    behind the durable end in it: a new one is begun.
 *
 * What a crash leaves, and log_writer_open does about it: a ".tmp" whose
 * header may be torn: removed; files begun after the durable end: removed,
 * durably, before anything is appended; frames, whole or torn, beyond the
 * durable end of the last file: that file is abandoned, as above, and they are
 * cut off when the new one is there.
 */
#include "segment_private.h"
#include "err.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MODE 0640
#define DIR_MODE 0750
#define ZSTD_LEVEL 9
/* What is copied of a file without records: see copy_last. */
#define COPY_MAX (64u << 20)

static int fail(struct log_writer *w, int r)
{
	w->failed = true;
	return r;
}

/*
 * The last file is what the durable end says: its name, its header and that
 * it is long enough. Takes over from the header what changes from file to
 * file.
 */
static int check_last(struct log_writer *w, const char *path, struct err *err)
{
	struct segment_header *h = &w->header;
	struct segment_reader reader;
	struct segment_header found;
	int r;

	r = segment_reader_open(&reader, w->os, path, w->end.size, err);
	if (r == ERR_ABSENT)
		return err_set(err, ERR_ABSENT,
			"%s: missing, and the log ends in it (let packetboat "
			"write run: what it held is in the state)",
			path);
	if (r == ERR_TORN && err)
		err->code = ERR_CORRUPT;
	if (r < 0)
		return r == ERR_TORN ? ERR_CORRUPT : r;
	found = reader.header;
	segment_reader_close(&reader);
	if (log_id_cmp(&found.log, &h->log) != 0 ||
		strcmp(found.account, h->account) != 0)
		return err_set(
			err, ERR_CORRUPT, "%s: belongs to another log", path);
	if (found.first_lsn != w->end.file_lsn ||
		found.first_lsn - 1 > w->end.lsn)
		return err_set(err, ERR_CORRUPT,
			"%s: first lsn %" PRIu64
			" does not go with the durable end (lsn %" PRIu64 ")",
			path, found.first_lsn, w->end.lsn);
	h->first_lsn = found.first_lsn;
	h->base_ms = found.base_ms;
	h->chain_before = found.chain_before;
	return 0;
}

/* Open the last file, unless something lies behind its durable end. */
static int open_last(struct log_writer *w, const char *path, struct err *err)
{
	struct os *os = w->os;
	struct os_stat st;
	int fd = os->ops->open(os, path, O_WRONLY, 0);
	int r;

	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = os->ops->fstat(os, fd, &st);
	if (r == 0 && st.size == w->end.size) {
		w->fd = fd;
		return 0;
	}
	os->ops->close(os, fd);
	if (r < 0)
		return err_set_os(err, -r, "stat %s", path);
	w->cut_lsn = w->end.file_lsn;
	w->cut_size = w->end.size;
	return 0;
}

/*
 * The tail of an abandoned file, once there is a new one: by it the file is
 * known as abandoned. Nobody reads it, so it does not matter if it stays.
 */
static void cut_tail(struct log_writer *w)
{
	AUTO_FREE char *path =
		log_file_path(w->dir, w->header.log.incarnation, w->cut_lsn);
	int fd = w->os->ops->open(w->os, path, O_WRONLY, 0);

	if (fd < 0)
		return;
	w->os->ops->ftruncate(w->os, fd, w->cut_size);
	w->os->ops->close(w->os, fd);
	w->cut_lsn = 0;
}

static int prepare(struct log_writer *w, struct err *err)
{
	AUTO_FREE char *path = NULL;
	int r;

	r = log_remove_beyond(
		w->os, w->dir, w->header.log.incarnation, w->end.file_lsn, err);
	if (r < 0 || w->end.file_lsn == 0)
		return r;
	path = log_file_path(
		w->dir, w->header.log.incarnation, w->end.file_lsn);
	r = check_last(w, path, err);
	return r < 0 ? r : open_last(w, path, err);
}

int log_writer_open(struct log_writer *w, struct os *os, const char *dir,
	const struct segment_header *header, const struct log_end *end,
	struct err *err)
{
	int r;

	*w = (struct log_writer){
		.os = os, .fd = -1, .rotate_size = SEGMENT_ROTATE_SIZE};
	w->dir = mem_dup(dir);
	w->header = *header;
	w->end = *end;
	r = prepare(w, err);
	if (r < 0)
		log_writer_close(w);
	return r;
}

static int check_not_failed(const struct log_writer *w, struct err *err)
{
	if (!w->failed)
		return 0;
	return err_set(err, ERR_IO,
		"log %s: a write failed before; open it again from its "
		"durable end",
		w->dir);
}

/* Place a whole file durably and open it to append to. */
static int place(struct log_writer *w, uint64_t first_lsn,
	const struct buf *bytes, struct err *err)
{
	AUTO_FREE char *path =
		log_file_path(w->dir, w->header.log.incarnation, first_lsn);
	int fd, r;

	r = file_replace(w->os, path, bytes->data, bytes->len, FILE_MODE, err);
	if (r < 0)
		return r;
	fd = w->os->ops->open(w->os, path, O_WRONLY, 0);
	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	w->fd = fd;
	return 0;
}

static int begin_new(struct log_writer *w, uint64_t now_ms, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct segment_header header = w->header;
	int r;

	header.first_lsn = w->end.lsn + 1;
	header.base_ms = now_ms;
	header.chain_before = w->end.chain;
	segment_header_encode(&header, &bytes);
	r = dir_make(w->os, w->dir, DIR_MODE, err);
	if (r == 0)
		r = place(w, header.first_lsn, &bytes, err);
	if (r < 0)
		return r;
	w->header = header;
	w->end.file_lsn = header.first_lsn;
	w->end.size = (int64_t)bytes.len;
	return 0;
}

/* Whether bytes are a segment whose frames end with this chain value. */
static int check_copy(const struct buf *bytes, uint64_t chain, struct err *err)
{
	struct frame frame = {0};
	struct segment_header h;
	size_t at;
	int r;

	r = segment_header_decode(bytes->data, bytes->len, &h, &at, err);
	if (r < 0)
		return r;
	frame.chain = h.chain_before;
	while (r == 0 && at < bytes->len) {
		r = frame_decode(bytes->data + at, bytes->len - at, frame.chain,
			&frame, err);
		at += frame.size;
	}
	if (r == 0 && frame.chain != chain)
		r = err_set(err, ERR_CORRUPT,
			"chain value is not the durable end's");
	frame_free(&frame);
	return r;
}

/*
 * The file that is abandoned holds no record below the durable end, so that a
 * new one would have its name: put a copy of what is durable of it in its
 * place.
 */
static int copy_last(struct log_writer *w, struct err *err)
{
	AUTO_FREE char *path = log_file_path(
		w->dir, w->header.log.incarnation, w->end.file_lsn);
	AUTO_BUF struct buf bytes = BUF_INIT;
	size_t len = (size_t)w->end.size;
	int fd, r;

	if (w->end.size > COPY_MAX)
		return err_set(err, ERR_LIMIT,
			"%s: %zu bytes without a record are too many to copy",
			path, len);
	fd = w->os->ops->open(w->os, path, O_RDONLY, 0);
	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = os_read_all(w->os, fd, buf_room(&bytes, len), len, 0, path, err);
	w->os->ops->close(w->os, fd);
	if (r < 0)
		return r;
	bytes.len = len;
	r = check_copy(&bytes, w->end.chain, err);
	if (r < 0) {
		err_wrap(err, "%s", path);
		return r;
	}
	return place(w, w->end.file_lsn, &bytes, err);
}

/* Seal the file: all of it is durable before the next one begins. */
static int seal(struct log_writer *w, struct err *err)
{
	int r = log_writer_sync(w, err);

	if (r < 0)
		return r;
	w->os->ops->close(w->os, w->fd);
	w->fd = -1;
	return 0;
}

/* Also by age, so that of what is removed one day not all need be old. */
static bool is_full(const struct log_writer *w, uint64_t now_ms)
{
	return w->end.size >= w->rotate_size ||
	       (now_ms > w->header.base_ms &&
		       now_ms - w->header.base_ms >= SEGMENT_ROTATE_MS);
}

int log_writer_begin(struct log_writer *w, uint64_t now_ms, struct err *err)
{
	bool has_records = w->end.lsn >= w->end.file_lsn;
	int r;

	r = check_not_failed(w, err);
	if (r < 0)
		return r;
	if (w->fd >= 0) {
		if (!has_records || !is_full(w, now_ms))
			return 0;
		r = seal(w, err);
	} else if (w->end.file_lsn && !has_records) {
		r = copy_last(w, err);
		return r < 0 ? fail(w, r) : 0;
	}
	if (r == 0)
		r = begin_new(w, now_ms, err);
	if (r < 0)
		return fail(w, r);
	if (w->cut_lsn)
		cut_tail(w);
	return 0;
}

int log_writer_append(struct log_writer *w, enum frame_kind kind,
	uint32_t count, const void *payload, size_t len, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	uint64_t chain;
	int r;

	r = check_not_failed(w, err);
	if (r < 0)
		return r;
	assert(w->fd >= 0);
	if (len > SEGMENT_PAYLOAD_MAX || count > SEGMENT_COUNT_MAX)
		return err_set(err, ERR_LIMIT,
			"log %s: frame of %" PRIu32
			" records, %zu bytes is over the limit",
			w->dir, count, len);
	chain = frame_encode(
		kind, count, payload, len, ZSTD_LEVEL, w->end.chain, &bytes);
	r = os_write_all(
		w->os, w->fd, bytes.data, bytes.len, w->end.size, w->dir, err);
	if (r < 0)
		return fail(w, r);
	w->end.lsn += count;
	w->end.chain = chain;
	w->end.size += (int64_t)bytes.len;
	return 0;
}

int log_writer_sync(struct log_writer *w, struct err *err)
{
	int r;

	r = check_not_failed(w, err);
	if (r < 0 || w->fd < 0)
		return r;
	r = w->os->ops->fdatasync(w->os, w->fd);
	if (r < 0)
		return fail(w, err_set_os(err, -r, "fdatasync log %s", w->dir));
	return 0;
}

void log_writer_close(struct log_writer *w)
{
	if (w->fd >= 0)
		w->os->ops->close(w->os, w->fd);
	free(w->dir);
	*w = (struct log_writer){.os = w->os, .fd = -1};
}
