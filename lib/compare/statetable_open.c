/*
 * statetable_open: a state table unpacked and checked (docs/format.md, State
 * table).
 *
 * The bytes may lie. (1) What is allocated is counted before: bytes by the
 * limit on the raw size, names, sets, logs, gaps and runs by theirs. (2) The
 * table is read once as a whole, every value checked where it is taken; only
 * then are its rows given out, by the same code. (3) One table has one
 * encoding: what the writer would have written otherwise is refused.
 */
#include "statetable_read.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define LOG_MIN 1u	 /* bytes of a log that is as the one before */
#define POSITION_MIN 11u /* of a position: and lsn, chain, gaps */

int statetable_bad(struct err *err, const char *what)
{
	return err_set(err, ERR_CORRUPT, "table: %s", what);
}

int statetable_over(
	struct err *err, const char *what, uint64_t count, uint64_t max)
{
	return err_set(err, ERR_LIMIT, "table: %llu %s, more than %llu",
		(unsigned long long)count, what, (unsigned long long)max);
}

/* ---- unpacking ---- */

static int unpack_zstd(struct wire *in, struct buf *ret, struct err *err)
{
	uint64_t raw = wire_varint(in);
	const uint8_t *frame = in->at;
	size_t size = wire_left(in), got;

	if (in->bad || raw == 0)
		return statetable_bad(err, "raw size is malformed");
	if (raw > STATETABLE_RAW_MAX)
		return statetable_over(err, "bytes", raw, STATETABLE_RAW_MAX);
	if (ZSTD_getFrameContentSize(frame, size) != raw ||
		ZSTD_getDictID_fromFrame(frame, size) != 0 ||
		ZSTD_findFrameCompressedSize(frame, size) != size)
		return statetable_bad(
			err, "zstd frame is not one of the raw size");
	got = ZSTD_decompress(buf_room(ret, raw), raw, frame, size);
	if (ZSTD_isError(got) || got != raw)
		return statetable_bad(err, "zstd frame does not decompress");
	ret->len = got;
	return 0;
}

static int unpack(
	const void *data, size_t len, struct buf *ret, struct err *err)
{
	struct wire in = wire_over(data, len);
	uint8_t version = wire_u8(&in), codec = wire_u8(&in);

	if (in.bad)
		return statetable_bad(err, "is not whole");
	if (version != STATETABLE_VERSION)
		return err_set(err, ERR_LIMIT,
			"table: version %u: made by a newer packetboat",
			version);
	if (codec == CODEC_ZSTD)
		return unpack_zstd(&in, ret, err);
	if (codec != CODEC_STORED)
		return err_set(err, ERR_LIMIT,
			"table: codec %u: made by a newer packetboat", codec);
	if (wire_left(&in) > STATETABLE_RAW_MAX)
		return statetable_over(
			err, "bytes", wire_left(&in), STATETABLE_RAW_MAX);
	buf_add(ret, in.at, wire_left(&in));
	return 0;
}

/* ---- header and logs ---- */

static void take_bytes(struct wire *in, uint8_t *to, size_t len)
{
	const uint8_t *from = wire_raw(in, len);

	if (from)
		memcpy(to, from, len);
}

static int take_header(struct statetable *t, struct err *err)
{
	struct statetable_header *h = &t->header;
	uint64_t mask = wire_varint(&t->in);

	if (mask & ~(uint64_t)(STATETABLE_ALL | MASK_VIEW))
		return err_set(err, ERR_LIMIT,
			"table: unknown columns: made by a newer packetboat");
	h->columns = (unsigned)mask & STATETABLE_ALL;
	h->known.view = mask & MASK_VIEW;
	take_bytes(&t->in, h->folder.b, sizeof(h->folder.b));
	h->term = wire_varint(&t->in);
	h->authority = wire_u64(&t->in);
	h->uidvalidity = (uint32_t)wire_count(&t->in, UINT32_MAX);
	h->uidnext = (uint32_t)wire_count(&t->in, UINT32_MAX);
	h->rows = wire_varint(&t->in);
	take_bytes(&t->in, h->digest, sizeof(h->digest));
	if (h->columns & STATETABLE_KEYS)
		take_bytes(&t->in, h->seed, sizeof(h->seed));
	if (t->in.bad)
		return statetable_bad(err, "header is not whole");
	if (h->rows > STATETABLE_ROWS_MAX)
		return statetable_over(
			err, "rows", h->rows, STATETABLE_ROWS_MAX);
	return 0;
}

void statetable_take_log(struct wire *in, struct log_id *log)
{
	struct log_id before = *log;
	unsigned bits = wire_u8(in);

	if (bits & LOG_ORIGIN)
		log->origin = wire_u64(in);
	if (bits & LOG_INCARNATION)
		log->incarnation = wire_u64(in);
	if (bits & LOG_FOLDER)
		take_bytes(in, log->folder.b, sizeof(log->folder.b));
	if (bits & ~LOG_ALL ||
		((bits & LOG_ORIGIN) && log->origin == before.origin) ||
		((bits & LOG_INCARNATION) &&
			log->incarnation == before.incarnation) ||
		((bits & LOG_FOLDER) && id_equal(&log->folder, &before.folder)))
		in->bad = true;
}

struct lsn_run statetable_take_run(
	struct wire *in, uint64_t start, uint64_t length, uint64_t before)
{
	struct lsn_run run = {.first = before + (before ? 2 : 1)};

	if (start > CHANGE_LSN_MAX || length > CHANGE_LSN_MAX)
		in->bad = true;
	run.first += start;
	run.last = run.first + length;
	if (run.first > CHANGE_LSN_MAX || run.last > CHANGE_LSN_MAX)
		in->bad = true;
	return run;
}

static int take_gaps(
	struct statetable *t, struct known_log *log, struct err *err)
{
	uint64_t count = wire_varint(&t->in), before = 0;
	struct lsn_run *gaps;

	if (count > STATETABLE_LOGS_MAX - t->gap_count)
		return statetable_over(err, "gaps", count, STATETABLE_LOGS_MAX);
	gaps = arena_alloc(&t->arena, (size_t)count * sizeof(*gaps));
	for (size_t i = 0; i < count; i++)
		gaps[i].first = wire_varint(&t->in);
	for (size_t i = 0; i < count; i++) {
		gaps[i] = statetable_take_run(
			&t->in, gaps[i].first, wire_varint(&t->in), before);
		before = gaps[i].last;
	}
	if (t->in.bad || before > log->at.lsn)
		return statetable_bad(err, "gap is not below its position");
	t->gap_count += (size_t)count;
	log->gaps = gaps;
	log->gap_count = (size_t)count;
	return 0;
}

static int take_positions(
	struct statetable *t, struct log_id *log, struct err *err)
{
	struct known *known = &t->header.known;
	uint64_t count = wire_varint(&t->in);
	struct known_log *logs;
	int rc = 0;

	if (count > STATETABLE_LOGS_MAX)
		return statetable_over(
			err, "positions", count, STATETABLE_LOGS_MAX);
	if (t->in.bad || count > wire_left(&t->in) / POSITION_MIN)
		return statetable_bad(err, "positions are not whole");
	logs = arena_alloc(&t->arena, (size_t)count * sizeof(*logs));
	for (size_t i = 0; i < count && rc == 0; i++) {
		struct log_id before = *log;

		statetable_take_log(&t->in, log);
		logs[i].at.log = *log;
		logs[i].at.lsn = wire_count(&t->in, CHANGE_LSN_MAX);
		logs[i].at.chain = wire_u64(&t->in);
		if (t->in.bad || (i > 0 && log_id_cmp(&before, log) >= 0))
			rc = statetable_bad(
				err, "position is not whole or not in order");
		else
			rc = take_gaps(t, &logs[i], err);
	}
	known->logs = logs;
	known->log_count = (size_t)count;
	return rc;
}

static int cmp_logs(const void *a, const void *b)
{
	return log_id_cmp(a, b);
}

static bool log_is_double(const struct statetable *t)
{
	AUTO_FREE struct log_id *sorted =
		mem_array(t->log_count, sizeof(*sorted));

	if (t->log_count)
		memcpy(sorted, t->logs, t->log_count * sizeof(*sorted));
	qsort(sorted, t->log_count, sizeof(*sorted), cmp_logs);
	for (size_t i = 1; i < t->log_count; i++) {
		if (log_id_cmp(&sorted[i - 1], &sorted[i]) == 0)
			return true;
	}
	return false;
}

static int take_logs(struct statetable *t, struct err *err)
{
	const struct known *known = &t->header.known;
	struct log_id log = {.folder = t->header.folder};
	int rc = take_positions(t, &log, err);
	uint64_t others;

	if (rc < 0)
		return rc;
	others = wire_varint(&t->in);
	if (others > STATETABLE_LOGS_MAX)
		return statetable_over(
			err, "logs", others, STATETABLE_LOGS_MAX);
	if (t->in.bad || others > wire_left(&t->in) / LOG_MIN)
		return statetable_bad(err, "logs are not whole");
	t->log_count = known->log_count + (size_t)others;
	t->logs = arena_alloc(&t->arena, t->log_count * sizeof(*t->logs));
	t->dots = arena_alloc(&t->arena, t->log_count * sizeof(*t->dots));
	t->writers = arena_alloc(&t->arena, t->log_count * sizeof(*t->dots));
	for (size_t i = 0; i < t->log_count; i++) {
		if (i < known->log_count)
			log = known->logs[i].at.log;
		else
			statetable_take_log(&t->in, &log);
		t->logs[i] = log;
	}
	if (t->in.bad || log_is_double(t))
		return statetable_bad(err, "log is not whole, or double");
	return 0;
}

/* ---- columns ---- */

static void take_parts(struct statetable *t)
{
	unsigned columns = t->header.columns;

	for (int i = 0; i < PART_COUNT; i++) {
		const uint8_t *at;
		size_t len;

		t->parts[i] = wire_over(NULL, 0);
		if (statetable_parts[i] && !(columns & statetable_parts[i]))
			continue;
		at = wire_bytes(&t->in, wire_left(&t->in), &len);
		t->parts[i] = wire_over(at, len);
	}
}

static struct wire take_keys(struct statetable *t, unsigned column)
{
	size_t len = (size_t)t->header.rows * 8;
	const uint8_t *at;

	if (!(t->header.columns & column))
		return wire_over(NULL, 0);
	at = wire_raw(&t->in, len);
	return wire_over(at, at ? len : 0);
}

/* Runs of living dots, log by log. */
static int take_living(struct statetable *t, struct err *err)
{
	struct wire counts = t->parts[PART_LIVING_COUNTS];
	struct wire starts = t->parts[PART_LIVING_STARTS];
	struct wire lengths = t->parts[PART_LIVING_LENGTHS];
	struct known *known = &t->header.known;
	size_t room = wire_left(&starts), at = 0;
	struct dot_run *runs;

	if (!(t->header.columns & STATETABLE_LIVING))
		return 0;
	if (room > STATETABLE_RUNS_MAX)
		room = STATETABLE_RUNS_MAX;
	runs = arena_alloc(&t->arena, room * sizeof(*runs));
	for (size_t log = 0; log < known->log_count; log++) {
		uint64_t count = wire_varint(&counts), before = 0;

		if (count > room - at)
			return statetable_bad(err, "too many living dots");
		for (; count > 0; count--) {
			uint64_t start = wire_varint(&starts);
			struct lsn_run run = statetable_take_run(
				&starts, start, wire_varint(&lengths), before);

			runs[at++] = (struct dot_run){log, run.first, run.last};
			before = run.last;
		}
	}
	if (counts.bad || starts.bad || lengths.bad || wire_left(&counts) ||
		wire_left(&starts) || wire_left(&lengths))
		return statetable_bad(err, "living dots are not whole");
	known->living = runs;
	known->living_count = at;
	return 0;
}

static int take_dead(struct statetable *t, struct err *err)
{
	uint64_t count, *keys;

	if (!(t->header.columns & STATETABLE_DEAD))
		return 0;
	count = wire_varint(&t->in);
	if (t->in.bad || count > wire_left(&t->in) / 8)
		return statetable_bad(err, "keys of the dead are not whole");
	keys = arena_alloc(&t->arena, (size_t)count * sizeof(*keys));
	for (size_t i = 0; i < count; i++) {
		keys[i] = wire_u64(&t->in);
		if (i > 0 && keys[i - 1] >= keys[i])
			return statetable_bad(
				err, "keys of the dead are not in order");
	}
	t->header.dead = keys;
	t->header.dead_count = (size_t)count;
	return 0;
}

static int parse(struct statetable *t, struct err *err)
{
	int rc;

	t->in = wire_over(t->raw.data, t->raw.len);
	if ((rc = take_header(t, err)) < 0 || (rc = take_logs(t, err)) < 0 ||
		(rc = statetable_take_names(t, err)) < 0 ||
		(rc = statetable_take_sets(t, err)) < 0)
		return rc;
	take_parts(t);
	t->exact = take_keys(t, STATETABLE_EXACT);
	t->content = take_keys(t, STATETABLE_CONTENT);
	if ((rc = take_dead(t, err)) < 0)
		return rc;
	if (t->in.bad || wire_left(&t->in))
		return statetable_bad(
			err, "columns are not whole, or bytes after the end");
	if ((rc = take_living(t, err)) < 0 ||
		(rc = statetable_check_rows(t, err)) < 0)
		return rc;
	return statetable_check_flags(t, err);
}

int statetable_open(
	const void *data, size_t len, struct statetable **ret, struct err *err)
{
	struct statetable *t = mem_alloc(sizeof(*t));
	int rc = unpack(data, len, &t->raw, err);

	if (rc == 0)
		rc = parse(t, err);
	if (rc < 0)
		statetable_free(t);
	else
		*ret = t;
	return rc;
}

void statetable_free(struct statetable *t)
{
	if (!t)
		return;
	buf_free(&t->raw);
	arena_free(&t->arena);
	free(t);
}

const struct statetable_header *statetable_header(const struct statetable *t)
{
	return &t->header;
}

const struct buf *statetable_raw(const struct statetable *t)
{
	return &t->raw;
}
