/*
 * segment: one log file, and a log as a chain of them.
 *
 *   segment file = header | frame | frame | ...            (docs/format.md)
 *   frame        = kind+codec, count, sizes, chain, payload
 *
 * A segment is only appended to, then sealed by the start of the next. What
 * the records inside a frame mean is not known here: a frame carries `count`
 * records numbered lsn .. lsn+count-1 as opaque payload. The end of every
 * frame is a flush point: a place where the log may be cut.
 *
 * A frame is valid if and only if (1) its header parses and its sizes are
 * within the limits below, (2) its chain value is XXH3-64 over header and
 * payload as written, seeded with the chain value before it, (3) its kind and
 * codec are known, and (4) its payload decompresses to exactly the size it
 * states. They are checked in this order.
 *
 * Where a log ends is not decided here but by the replica state (its durable
 * end): what lies beyond it does not exist and is cut away before appending;
 * what lies below it and is not valid is damage (ERR_CORRUPT), also when the
 * file is shorter than the durable end.
 *
 * One process appends at a time (the account lock); any number may read.
 */
#ifndef PB_SEGMENT_H
#define PB_SEGMENT_H

#include "ident.h"
#include "mem.h"
#include "os.h"

struct err;

#define SEGMENT_ACCOUNT_MAX 255           /* bytes of an account name */
#define SEGMENT_PAYLOAD_MAX (8u << 20)    /* uncompressed bytes in a frame */
#define SEGMENT_COUNT_MAX (1u << 20)      /* records in a frame */
#define SEGMENT_ROTATE_SIZE (4u << 20)    /* a file this long is sealed … */
#define SEGMENT_ROTATE_MS 86400000        /* … and one begun so long ago */

enum frame_kind {
	FRAME_CHANGES = 1,  /* records of lib/change */
	FRAME_STATEMENT = 2 /* a flush point's statement; count 0, no lsn */
};

struct segment_header {
	struct log_id log;
	char account[SEGMENT_ACCOUNT_MAX + 1];
	uint64_t first_lsn;    /* lsn of the first record in this file */
	uint64_t base_ms;      /* stamps inside are relative to it */
	uint64_t chain_before; /* chain value at the end of the file before */
	uint32_t required;     /* feature bits a reader must know */
	uint32_t optional;     /* feature bits a reader may ignore */
};

struct frame {
	enum frame_kind kind;
	uint64_t first_lsn;      /* of its first record; next lsn if count 0 */
	uint32_t count;
	uint64_t chain_before;   /* chain value before this frame */
	uint64_t chain;          /* chain value after this frame */
	int64_t at;              /* offset of the frame in its file */
	uint32_t size;           /* bytes on disk, header included */
	uint64_t base_ms;        /* of the segment it lies in */
	struct buf payload;      /* uncompressed; owned by the frame */
};

/* All zero is a valid frame to read into; the payload's memory is reused. */
void frame_free(struct frame *frame);

/*
 * The end of a log as the replica state records it.
 * All zero: the log has no file yet. Only file_lsn and size zero: it has none
 * any more, all of it was truncated; the next one goes on from lsn and chain.
 */
struct log_end {
	uint64_t file_lsn; /* first lsn of the last file (part of its name) */
	uint64_t lsn;      /* last lsn; 0 none */
	uint64_t chain;    /* chain value there */
	int64_t size;      /* bytes of the last file up to there */
};

/* ---- one file (segment.c, frame.c) ---- */

/* Encode a header; append it to ret. Source: docs/format.md, Segment. */
void segment_header_encode(const struct segment_header *h, struct buf *ret);

/*
 * Decode the header at the start of data.
 * Returns 0 and the header's length on disk in ret_size.
 * Errors: ERR_TORN (too short), ERR_CORRUPT (magic, checksum; the text says
 * so when a text-mode transfer mangled it), ERR_LIMIT (unknown version or
 * required feature: "made by a newer packetboat").
 */
int segment_header_decode(const void *data, size_t len,
	struct segment_header *ret, size_t *ret_size, struct err *err);

/*
 * Encode one frame; append it to ret. The codec is chosen here: stored, or
 * zstd at `level` when that is smaller. Returns the new chain value.
 * Parameters: count and len within the limits above; count 0 if and only if
 * kind is FRAME_STATEMENT. Source: docs/format.md, Frame.
 */
uint64_t frame_encode(enum frame_kind kind, uint32_t count,
	const void *payload, size_t len, int level, uint64_t chain_before,
	struct buf *ret);

/*
 * Decode the frame at the start of data, which may go on behind it.
 * Parameters: *ret zeroed, or a frame decoded before.
 * Returns 0, with payload and size filled (first_lsn, at, base_ms are the
 * caller's to fill).
 * Errors: ERR_TORN (data ends inside the frame), ERR_CORRUPT, ERR_LIMIT (a
 * size over its limit; a kind or codec unknown here).
 */
int frame_decode(const void *data, size_t len, uint64_t chain_before,
	struct frame *ret, struct err *err);

struct segment_reader {
	struct os *os;
	char *path;
	int fd;
	int64_t at, limit;
	struct segment_header header;
	uint64_t lsn;   /* of the next record */
	uint64_t chain; /* at `at` */
	struct buf window;
	int64_t window_at;
};

/*
 * Open a segment file for reading up to limit bytes (-1: to its end).
 * The file must be at least limit long: ERR_CORRUPT otherwise.
 * Errors: ERR_ABSENT, ERR_IO, as segment_header_decode. On failure there is
 * nothing to close.
 */
int segment_reader_open(struct segment_reader *r, struct os *os,
	const char *path, int64_t limit, struct err *err);
/*
 * Returns 1 with a frame (*ret zeroed or read before), 0 at the limit.
 * Errors: as frame_decode (ERR_TORN: the limit lies inside a frame), ERR_IO.
 */
int segment_reader_next(struct segment_reader *r, struct frame *ret,
	struct err *err);
void segment_reader_close(struct segment_reader *r);

/* ---- a whole log (log_files.c, log_writer.c, log_reader.c) ---- */

/*
 * Name of a segment file below a log's directory, without the directory:
 * "<incarnation, 16 hex>-<first lsn, 16 hex>.changes".
 */
void segment_file_name(uint64_t incarnation, uint64_t first_lsn,
	char ret[48]);

struct log_writer {
	struct os *os;
	char *dir;              /* created (durably) at the first append */
	struct segment_header header; /* of the current file */
	struct log_end end;     /* where the next frame goes */
	int64_t rotate_size;    /* SEGMENT_ROTATE_SIZE after an open */
	int fd;                 /* -1: no file open */
	bool failed;            /* a failed write or fsync: see log_writer_sync */
	uint64_t cut_lsn;       /* the file that is abandoned … */
	int64_t cut_size;       /* … and what is durable of it; lsn 0: none */
};

/*
 * Prepare to append to a log whose durable end is *end. Nothing is written
 * yet, except that what lies beyond the durable end goes: files begun after it
 * and ".tmp" files are removed, durably; a last file longer than end->size,
 * which a crash left, or a failed write or fsync, is never appended to again:
 * the next begin starts a new one, and cuts it back.
 * Parameters: dir holds this log's files; header gives log and account
 * (first_lsn, base_ms and chain_before are set here as files are begun).
 * Errors: ERR_ABSENT if the last file is missing (the caller begins a new one:
 * an end without a file, same lsn and chain); ERR_CORRUPT if it is shorter than
 * the durable end or another log's (the caller quarantines the log); ERR_LIMIT
 * if a newer packetboat began it; ERR_IO. On failure there is nothing to close.
 */
int log_writer_open(struct log_writer *w, struct os *os, const char *dir,
	const struct segment_header *header, const struct log_end *end,
	struct err *err);

/*
 * Make sure a file is open to append to, beginning a new one where there is
 * none or the last has rotate_size bytes, or was begun SEGMENT_ROTATE_MS ago;
 * then w->header.base_ms is what the next frame's stamps are relative to.
 * A new file is complete and durable (header written, fsynced, directory
 * fsynced) before this returns, and so is all that was appended to the one
 * before.
 * Parameters: now_ms becomes base_ms of a new file.
 * Errors: ERR_IO; the writer is then `failed`, as after a failed sync.
 */
int log_writer_begin(struct log_writer *w, uint64_t now_ms, struct err *err);

/*
 * Append one frame (after log_writer_begin). Not durable before
 * log_writer_sync. Advances w->end.
 * Parameters: count 0 if and only if kind is FRAME_STATEMENT.
 * Errors: ERR_LIMIT (too large for a frame; nothing written); ERR_IO: the
 * writer is `failed`, and the caller opens a new one from the last durable
 * end, which begins a new file.
 */
int log_writer_append(struct log_writer *w, enum frame_kind kind,
	uint32_t count, const void *payload, size_t len, struct err *err);

/*
 * fdatasync. When it returns 0, all that was appended is durable, and w->end
 * is what the replica state may record. A failure is final (on ext4 the next
 * fsync would report success with the data lost): the writer is `failed`,
 * refuses everything, and the caller, or whoever comes later, opens a new one
 * from the last durable end, which begins a new file.
 */
int log_writer_sync(struct log_writer *w, struct err *err);
void log_writer_close(struct log_writer *w);

/*
 * Read a log's frames from the one that holds from_lsn up to its durable end.
 */
struct log_reader {
	struct os *os;
	char *dir;
	uint64_t incarnation;
	struct log_end end;
	uint64_t from_lsn;
	uint64_t *files; /* first lsns, ascending */
	size_t file_count, file_next;
	struct segment_reader seg;  /* the file that is read */
	struct segment_reader next; /* the one after: its header limits seg */
	bool open, next_open;
};

/*
 * Returns 0. Errors: ERR_ABSENT: the files do not reach back to from_lsn, or
 * the last is missing (truncated: the caller writes the changes out from the
 * state); ERR_CORRUPT: a file in the middle is missing or damaged. On failure
 * there is nothing to close.
 */
int log_reader_open(struct log_reader *r, struct os *os, const char *dir,
	uint64_t incarnation, const struct log_end *end, uint64_t from_lsn,
	struct err *err);
/*
 * Returns 1 with a frame (*ret zeroed or read before), 0 at the durable end.
 * The first frame may begin before from_lsn. Statements between the records
 * from_lsn - 1 and from_lsn are returned too: whoever knows the log up to
 * from_lsn - 1 finds the chain value it has in chain_before of one of the
 * frames up to the one that holds from_lsn.
 * Errors, as log_reader_open, name file and frame: "…/x.changes: frame at
 * 1234: …".
 */
int log_reader_next(struct log_reader *r, struct frame *ret, struct err *err);
void log_reader_close(struct log_reader *r);

/*
 * Verify every byte of a log up to its durable end: headers, chain from file
 * to file, sizes, payloads. Returns 0 or the first error found.
 */
int log_verify(struct os *os, const char *dir, uint64_t incarnation,
	const struct log_end *end, struct err *err);

/* ---- removing (log_remove.c) ---- */

/* A file of a log. */
struct log_segment {
	uint64_t first_lsn, last_lsn;
	int64_t size;
	int64_t changed_ms; /* when it was written to last */
	bool last;          /* the one that the log ends in */
};

/*
 * The files of a log up to its durable end, as they lie there, oldest first.
 * Those that are not there are left out. The caller frees *ret.
 */
int log_segments(struct os *os, const char *dir, uint64_t incarnation,
	const struct log_end *end, struct log_segment **ret, size_t *ret_count,
	struct err *err);

/*
 * Remove the files whose records are all below lsn, oldest first, durably;
 * the last file always stays.
 */
int log_remove_before(struct os *os, const char *dir, uint64_t incarnation,
	const struct log_end *end, uint64_t lsn, struct err *err);

/*
 * Remove what lies behind the durable end, durably: all files of a log whose
 * recorded end names none. Then the directory goes, too, if nothing is left
 * in it. Under the lock that appending needs.
 */
int log_remove_behind(struct os *os, const char *dir, uint64_t incarnation,
	const struct log_end *end, struct err *err);

#endif
