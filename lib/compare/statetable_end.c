/*
 * statetable_end: the rows that were added, as a state table.
 *
 * Names and sets of flags were numbered as they were met; here they get their
 * places in the table: names by their order, sets by how many rows have them,
 * so that the bits of the usual ones are zeros.
 */
#include "statetable_write.h"
#include "err.h"
#include "flagset.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

void statetable_add_run(struct buf *starts, struct buf *lengths,
	uint64_t before, const struct lsn_run *run)
{
	wire_add_varint(starts, run->first - before - (before ? 2 : 1));
	wire_add_varint(lengths, run->last - run->first);
}

/* ---- names and sets in their order ---- */

/* qsort gives no argument, so what is compared points at its data. */
struct ordered {
	const void *data;
	size_t len;
	uint64_t uses;
	uint32_t number;
};

static int cmp_names(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	return keyword_cmp(x->data, x->len, y->data, y->len);
}

static int cmp_sets(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;
	const uint32_t *s = x->data, *t = y->data;

	if (x->uses != y->uses)
		return x->uses < y->uses ? 1 : -1;
	for (size_t i = 0; i < x->len && i < y->len; i++) {
		if (s[i] != t[i])
			return s[i] < t[i] ? -1 : 1;
	}
	return (x->len > y->len) - (x->len < y->len);
}

static void add_names(struct statetable_writer *w, struct buf *ret)
{
	struct writer_names *n = &w->names;
	size_t count = n->lower.count;
	AUTO_FREE struct ordered *list = mem_array(count + 1, sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = (struct ordered){.data = n->spelled[i],
			.len = strlen(n->spelled[i]),
			.number = (uint32_t)i};
	qsort(list, count, sizeof(*list), cmp_names);
	n->rank = mem_array(count, sizeof(*n->rank));
	wire_add_varint(ret, count);
	for (size_t i = 0; i < count; i++) {
		n->rank[list[i].number] = (uint32_t)i;
		wire_add_bytes(ret, list[i].data, list[i].len);
	}
}

static int cmp_ranks(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void add_set(struct buf *ret, const struct ordered *set)
{
	const uint32_t *members = set->data;

	wire_add_varint(ret, set->len);
	for (size_t i = 0; i < set->len; i++)
		wire_add_varint(
			ret, i ? members[i] - members[i - 1] - 1 : members[i]);
}

/* Bytes of a set when it is spelled out, as a reader counts them. */
static size_t spelled_size(
	const struct statetable_writer *w, const struct table_item *set)
{
	const uint32_t *members = set->data;
	size_t size = 2;

	for (size_t i = 0; i < set->len / sizeof(*members); i++)
		size += strlen(w->names.spelled[members[i] - 1]) + 1;
	return size;
}

static void add_sets(struct statetable_writer *w, struct buf *ret)
{
	struct writer_sets *s = &w->sets;
	size_t count = s->members.count;
	AUTO_FREE struct ordered *list = mem_array(count + 1, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		const struct table_item *set = &s->members.items[i];
		uint32_t *ranks = arena_alloc(&w->arena, set->len + 1);

		list[i] = (struct ordered){.data = ranks,
			.len = set->len / sizeof(*ranks),
			.uses = s->uses[i],
			.number = (uint32_t)i};
		memcpy(ranks, set->data, set->len);
		for (size_t k = 0; k < list[i].len; k++)
			ranks[k] = w->names.rank[ranks[k] - 1];
		qsort(ranks, list[i].len, sizeof(*ranks), cmp_ranks);
	}
	qsort(list, count, sizeof(*list), cmp_sets);
	s->rank = mem_array(count, sizeof(*s->rank));
	wire_add_varint(ret, count);
	for (size_t i = 0; i < count; i++) {
		s->rank[list[i].number] = (uint32_t)i;
		add_set(ret, &list[i]);
	}
}

/* Bit 0 of the sets of all rows, then bit 1, … */
static void add_planes(struct statetable_writer *w, struct buf *ret)
{
	unsigned planes = statetable_planes(w->sets.members.count);
	size_t bytes = (size_t)(w->rows + 7) / 8;

	for (unsigned plane = 0; plane < planes; plane++) {
		uint8_t *to = buf_room(ret, bytes);

		memset(to, 0, bytes);
		for (size_t i = 0; i < w->rows; i++) {
			uint32_t set = w->sets.rank[w->row_sets[i] - 1];

			to[i / 8] |= (uint8_t)((set >> plane & 1) << i % 8);
		}
		ret->len += bytes;
	}
}

/* ---- what stands before the columns ---- */

static void add_log(
	struct buf *ret, const struct log_id *log, const struct log_id *before)
{
	unsigned bits = 0;

	if (log->origin != before->origin)
		bits |= LOG_ORIGIN;
	if (log->incarnation != before->incarnation)
		bits |= LOG_INCARNATION;
	if (!id_equal(&log->folder, &before->folder))
		bits |= LOG_FOLDER;
	buf_add_byte(ret, (uint8_t)bits);
	if (bits & LOG_ORIGIN)
		wire_add_u64(ret, log->origin);
	if (bits & LOG_INCARNATION)
		wire_add_u64(ret, log->incarnation);
	if (bits & LOG_FOLDER)
		buf_add(ret, log->folder.b, sizeof(log->folder.b));
}

static void add_position(struct buf *ret, const struct known_log *log)
{
	AUTO_BUF struct buf lengths = BUF_INIT;
	uint64_t before = 0;

	wire_add_varint(ret, log->at.lsn);
	wire_add_u64(ret, log->at.chain);
	wire_add_varint(ret, log->gap_count);
	for (size_t i = 0; i < log->gap_count; i++) {
		statetable_add_run(ret, &lengths, before, &log->gaps[i]);
		before = log->gaps[i].last;
	}
	buf_add(ret, lengths.data, lengths.len);
}

static void add_logs(struct statetable_writer *w, struct buf *ret)
{
	const struct known *known = &w->h->known;
	struct log_id before = {.folder = w->h->folder};

	wire_add_varint(ret, known->log_count);
	for (size_t i = 0; i < known->log_count; i++) {
		add_log(ret, &known->logs[i].at.log, &before);
		add_position(ret, &known->logs[i]);
		before = known->logs[i].at.log;
	}
	wire_add_varint(ret, w->others.count);
	for (size_t i = 0; i < w->others.count; i++) {
		struct log_id log;

		memcpy(&log, w->others.items[i].data, sizeof(log));
		add_log(ret, &log, &before);
		before = log;
	}
}

static void add_header(struct statetable_writer *w, struct buf *ret)
{
	const struct statetable_header *h = w->h;

	wire_add_varint(ret, h->columns | (h->known.view ? MASK_VIEW : 0));
	buf_add(ret, h->folder.b, sizeof(h->folder.b));
	wire_add_varint(ret, h->term);
	wire_add_u64(ret, h->authority);
	wire_add_varint(ret, h->uidvalidity);
	wire_add_varint(ret, h->uidnext);
	wire_add_varint(ret, h->rows);
	buf_add(ret, h->digest, sizeof(h->digest));
	if (h->columns & STATETABLE_KEYS)
		buf_add(ret, h->seed, sizeof(h->seed));
	add_logs(w, ret);
}

static void add_living(struct statetable_writer *w)
{
	const struct known *known = &w->h->known;
	size_t at = 0;

	for (size_t log = 0; log < known->log_count; log++) {
		size_t begin = at;
		uint64_t before = 0;

		for (; at < known->living_count && known->living[at].log == log;
			at++) {
			struct lsn_run run = {known->living[at].first,
				known->living[at].last};

			statetable_add_run(&w->parts[PART_LIVING_STARTS],
				&w->parts[PART_LIVING_LENGTHS], before, &run);
			before = run.last;
		}
		wire_add_varint(&w->parts[PART_LIVING_COUNTS], at - begin);
	}
}

static int check_limits(struct statetable_writer *w, struct err *err)
{
	const struct known *known = &w->h->known;
	uint64_t gaps = 0, strings = 0;

	for (size_t i = 0; i < known->log_count; i++)
		gaps += known->logs[i].gap_count;
	for (size_t i = 0; i < w->sets.members.count; i++)
		strings += spelled_size(w, &w->sets.members.items[i]);
	if (known->log_count > STATETABLE_LOGS_MAX ||
		w->others.count > STATETABLE_LOGS_MAX ||
		gaps > STATETABLE_LOGS_MAX ||
		strings > STATETABLE_STRINGS_MAX ||
		known->living_count > STATETABLE_RUNS_MAX ||
		w->names.lower.count > STATETABLE_NAMES_MAX ||
		w->sets.members.count > STATETABLE_NAMES_MAX)
		return err_set(err, ERR_LIMIT,
			"table: too many logs, gaps, keywords or sets of "
			"them, or holes among the living");
	return 0;
}

int statetable_end_raw(
	struct statetable_writer *w, struct buf *ret, struct err *err)
{
	const struct statetable_header *h = w->h;
	size_t start = ret->len;
	int rc = check_limits(w, err);

	assert(w->rows == h->rows);
	if (rc < 0)
		return rc;
	statetable_end_uids(w);
	add_header(w, ret);
	if (h->columns & (STATETABLE_FLAGS | STATETABLE_WRITES))
		add_names(w, ret);
	if (h->columns & STATETABLE_FLAGS) {
		add_sets(w, ret);
		add_planes(w, ret);
	}
	for (size_t i = 0; i < w->write_count; i++) {
		uint32_t name = w->write_names[i];

		wire_add_varint(&w->parts[PART_WRITE_NAMES],
			2 * w->names.rank[name / 2 - 1] + name % 2);
	}
	if (h->columns & STATETABLE_LIVING)
		add_living(w);
	for (int i = 0; i < PART_COUNT; i++) {
		if (!statetable_parts[i] || h->columns & statetable_parts[i])
			wire_add_bytes(ret, w->parts[i].data, w->parts[i].len);
	}
	buf_add(ret, w->exact.data, w->exact.len);
	buf_add(ret, w->content.data, w->content.len);
	if (h->columns & STATETABLE_DEAD) {
		wire_add_varint(ret, h->dead_count);
		for (size_t i = 0; i < h->dead_count; i++)
			wire_add_u64(ret, h->dead[i]);
	}
	if (ret->len - start <= STATETABLE_RAW_MAX)
		return 0;
	ret->len = start;
	return err_set(err, ERR_LIMIT, "table: larger than %u bytes",
		STATETABLE_RAW_MAX);
}

/*
 * Bit planes and runs are small numbers without long repeats: the highest
 * level finds what there is to find in a window of a megabyte. It is too slow
 * for what is large because it holds keys, which are noise.
 */
static size_t compress(const struct buf *raw, uint8_t *to, size_t room_len)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	size_t n;

	ZSTD_CCtx_setParameter(
		ctx, ZSTD_c_compressionLevel, raw->len <= 1u << 20 ? 19 : 6);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, 20);
	n = ZSTD_compress2(ctx, to, room_len, raw->data, raw->len);
	ZSTD_freeCCtx(ctx);
	return n;
}

int statetable_end(
	struct statetable_writer *w, struct buf *ret, struct err *err)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	AUTO_BUF struct buf packed = BUF_INIT;
	int rc = statetable_end_raw(w, &raw, err);

	if (rc < 0)
		return rc;
	size_t n = compress(&raw, buf_room(&packed, raw.len), raw.len);
	buf_add_byte(ret, STATETABLE_VERSION);
	if (ZSTD_isError(n) || n + wire_varint_size(raw.len) >= raw.len) {
		buf_add_byte(ret, CODEC_STORED);
		buf_add(ret, raw.data, raw.len);
		return 0;
	}
	buf_add_byte(ret, CODEC_ZSTD);
	wire_add_varint(ret, raw.len);
	buf_add(ret, packed.data, n);
	return 0;
}
