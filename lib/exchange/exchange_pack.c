/*
 * exchange_pack: what is due to a peer, made from the state of this moment.
 */
#include <stdlib.h>
#include <string.h>

#include "compared.h"
#include "err.h"
#include "exchange_kind.h"
#include "gaps.h"
#include "sketch.h"
#include "statetable.h"
#include "viewed.h"

#define ROWS_MAX 256u /* dots told in one section: bounds memory */

struct packing {
	struct exchange *x;
	const char *account;
	struct comparing now;
	bool again;
	bool speaks; /* it is our turn; else rows are owed only */
	bool doubt;
	exchange_add_fn add;
	void *arg;
};

static struct parcel_compare begin_section(const struct packing *p)
{
	struct parcel_compare c = {
		.account = p->account,
		.folder = p->now.folder,
		.kind = (enum parcel_compare_kind)p->now.kind,
		.doubt = p->doubt,
	};

	memcpy(c.seed, p->now.seed, sizeof(c.seed));
	return c;
}

/* ---- rows ---- */

/* Changes of ours in folders of other homes stay here (cargo.h). */
struct keeping {
	struct replica *replica;
	struct log_id last;
	bool any, kept;
};

static bool keep_writer(void *arg, const struct log_id *writer)
{
	AUTO_ARENA struct arena arena = {0};
	struct keeping *k = arg;
	struct replica_folder f;

	if (writer->origin != replica_origin(k->replica))
		return true;
	if (k->any && log_id_cmp(&k->last, writer) == 0)
		return k->kept;
	k->any = true;
	k->last = *writer;
	k->kept = replica_folder_by_fid(
			  k->replica, &writer->folder, &arena, &f, NULL) == 0 &&
		  f.authority.site == replica_origin(k->replica);
	return k->kept;
}

static int cmp_dots(const void *a, const void *b)
{
	return dot_cmp(a, b);
}

/* Of dots that were born elsewhere we do not say so. */
static size_t keep_own(uint64_t self, struct dot *dots, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (dots[i].log.origin == self)
			dots[kept++] = dots[i];
	return kept;
}

/* Dots, ascending, as runs by log. */
static void group_dead(struct dot *dots, size_t count, struct arena *arena,
	struct parcel_compare *c)
{
	struct parcel_lsns *dead = arena_alloc(arena, count * sizeof(*dead));
	struct parcel_run *runs = arena_alloc(arena, count * sizeof(*runs));
	size_t logs = 0, at = 0;

	qsort(dots, count, sizeof(*dots), cmp_dots);
	for (size_t i = 0; i < count; i++) {
		struct parcel_lsns *d = logs ? &dead[logs - 1] : NULL;

		if (!d || log_id_cmp(&d->log, &dots[i].log) != 0) {
			d = &dead[logs++];
			*d = (struct parcel_lsns){dots[i].log, &runs[at], 0};
		}
		struct parcel_run *last =
			d->count ? &d->runs[d->count - 1] : NULL;
		if (last && dots[i].lsn <= last->last + 1) {
			last->last = dots[i].lsn;
			continue;
		}
		runs[at++] = (struct parcel_run){dots[i].lsn, dots[i].lsn};
		d->count++;
	}
	c->dead = dead;
	c->dead_count = logs;
}

static uint64_t oldest_ms(const struct change_batch *batch)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < batch->count; i++) {
		uint64_t ms = STAMP_MS(batch->items[i].by.stamp);

		if (ms && ms < least)
			least = ms;
	}
	return least == UINT64_MAX ? 0 : least;
}

/* Of mail that lies where the peer sees nothing it is told only that; what is
   left to be told stays in dots. */
static int tell_out(struct packing *p, struct dot *dots, size_t *count,
	struct change_batch *batch, struct err *err)
{
	struct replica *r = p->x->replica;
	struct log_id log = {replica_origin(r), replica_incarnation(r),
		view_log_id(p->x->peer)};
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		enum view_message is;
		int64_t row;
		int rc = view_message(r, p->x->peer, &dots[i], &is, &row, err);

		if (rc < 0)
			return rc;
		if (is != VIEW_HIDDEN) {
			dots[kept++] = dots[i];
			continue;
		}
		struct change *c = change_add(batch, CHANGE_OUT);
		c->by.log = log;
		c->by.lsn = batch->count;
		c->dot = dots[i];
	}
	*count = kept;
	return 0;
}

static int add_rows(struct packing *p, struct parcel_compare *c,
	struct dot *dots, size_t count, struct arena *arena, struct err *err)
{
	struct keeping keeping = {.replica = p->x->replica};
	struct dot *dead = arena_alloc(arena, (count + 1) * sizeof(*dead));
	AUTO_BUF struct buf payload = BUF_INIT;
	struct change_batch batch = {0};
	size_t dead_count = 0;
	int rc = p->x->gives ? tell_out(p, dots, &count, &batch, err) : 0;

	if (rc >= 0 && p->x->gives)
		rc = telling_dots(p->x->replica, dots, count, keep_writer,
			&keeping, &batch, dead, &dead_count, err);

	dead_count = keep_own(replica_origin(p->x->replica), dead, dead_count);
	if (rc >= 0 && dead_count && !p->doubt)
		group_dead(dead, dead_count, arena, c);
	if (rc >= 0 && batch.count) {
		c->context = batch.items[0].by.log;
		c->base_ms = oldest_ms(&batch);
		struct change_context ctx = {c->context, 1, c->base_ms};
		change_encode(&ctx, batch.items, batch.count, &payload);
		c->payload = payload.data;
		c->len = payload.len;
	}
	if (rc >= 0)
		rc = p->add(p->arg, PARCEL_ROWS, c, err);
	change_batch_free(&batch);
	return rc;
}

static const struct parcel_run *widen(
	const struct comparing *now, struct arena *arena)
{
	struct parcel_run *runs =
		arena_alloc(arena, now->uid_count * sizeof(*runs));

	for (size_t i = 0; i < now->uid_count; i++)
		runs[i] = (struct parcel_run){
			now->uids[i].first, now->uids[i].last};
	return runs;
}

static void add_asked(
	const struct packing *p, struct parcel_compare *c, struct arena *arena)
{
	c->keys = p->now.keys;
	c->key_count = p->now.key_count;
	c->uids = widen(&p->now, arena);
	c->uid_count = p->now.uid_count;
}

/* All that is owed, and in the first section what is asked for. */
static int pack_rows(struct packing *p, struct err *err)
{
	struct owed_place at = {0};
	bool answers = p->speaks && p->now.role == COMPARING_ANSWERS &&
		       !p->now.ask_symbols && !p->now.ask_columns &&
		       !p->now.give_columns;
	bool first = true, last = false;
	int rc = 0;

	for (; rc >= 0 && !last; first = false) {
		AUTO_ARENA struct arena arena = {0};
		struct parcel_compare c = begin_section(p);
		struct dot *dots;
		size_t count;

		rc = owed_next(p->x->replica, p->x->peer, &p->now.folder, &at,
			ROWS_MAX, &arena, &dots, &count, err);
		c.last = last = count < ROWS_MAX;
		/* Nothing is owed: then the first is the last. */
		c.equal = answers && p->now.equal && !count && first;
		if (first && answers)
			add_asked(p, &c, &arena);
		if (rc >= 0 && (count || !first || answers))
			rc = add_rows(p, &c, dots, count, &arena, err);
	}
	return rc < 0 ? rc : 0;
}

/* ---- what we have ---- */

static int pack_question(
	struct packing *p, const struct replica_folder *f, struct err *err)
{
	struct parcel_compare c = begin_section(p);

	c.symbols = p->now.ask_symbols;
	c.columns = p->now.ask_columns;
	c.term = f->authority.term;
	c.authority = f->authority.site;
	c.uidvalidity = f->uidvalidity;
	return p->add(p->arg, PARCEL_COMPARE, &c, err);
}

/* As many as will do by what is known of both; 0: a table is cheaper. */
static int first_symbols(struct packing *p, size_t mine, struct err *err)
{
	struct sketch_case first = {.mine = mine, .theirs = mine};
	uint64_t ours, theirs;
	int rc = gap_counts(
		p->x->replica, p->x->peer, &p->now.folder, &ours, &theirs, err);

	if (rc > 0) {
		first.mine = ours;
		first.theirs = theirs;
		first.table = (size_t)(mine * 8 + 1024);
	}
	if (rc >= 0)
		p->now.give_symbols = (uint32_t)sketch_want(&first);
	return rc < 0 ? rc : 0;
}

static int pack_sketch(struct packing *p, struct err *err)
{
	struct parcel_compare c = begin_section(p);
	AUTO_BUF struct buf sketch = BUF_INIT;
	struct keys_row *rows;
	struct riblt set;
	size_t count;
	int rc = exchange_our_rows(p->x, p->now.kind, &p->now.folder,
		p->now.seed, &rows, &count, err);

	if (rc < 0)
		return rc;
	if (!p->now.give_symbols)
		rc = first_symbols(p, count, err);
	riblt_init(&set, p->now.seed);
	for (size_t i = 0; i < count; i++)
		riblt_add(&set, rows[i].key);
	free(rows);
	if (rc >= 0 && p->now.give_symbols)
		sketch_encode(&set, 0, p->now.give_symbols, &sketch);
	riblt_free(&set);
	if (rc >= 0)
		rc = gap_in_doubt(p->x->replica, &p->now.folder, err);
	if (rc < 0 || !sketch.len)
		return rc < 0 ? rc : 0;
	p->doubt = c.doubt = rc > 0;
	c.payload = sketch.data;
	c.len = sketch.len;
	return p->add(p->arg, PARCEL_SKETCH, &c, err);
}

static int fill_table(const struct statetable_header *h,
	struct compared_rows *rows, struct buf *ret, struct err *err)
{
	struct statetable_writer *w = statetable_begin(h);
	struct row row;
	int rc;

	while ((rc = compared_rows_next(rows, &row, err)) > 0 &&
		(rc = statetable_add(w, &row, err)) >= 0)
		;
	if (rc >= 0)
		rc = statetable_end(w, ret, err);
	statetable_drop(w);
	return rc;
}

/* Returns 1 where it cannot be made: then there is none. */
static int make_table(struct packing *p, const struct replica_folder *f,
	struct buf *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct statetable_header h = {
		.columns = p->now.give_columns,
		.folder = p->now.folder,
		.term = f->authority.term,
		.authority = f->authority.site,
		.uidvalidity = f->uidvalidity,
		.uidnext = f->uidnext,
	};
	struct compared_rows rows;
	uint32_t uidnext;
	uint64_t messages;
	int rc = compared_known(
		p->x->replica, &p->now.folder, &arena, &h.known, err);

	h.known.dead = NULL;
	h.known.dead_count = 0;
	if (!(h.columns & STATETABLE_LIVING))
		h.known.living_count = 0;
	if (h.columns & STATETABLE_KEYS)
		memcpy(h.seed, p->now.seed, sizeof(h.seed));
	if (rc >= 0)
		rc = replica_folder_sums(p->x->replica, &p->now.folder,
			&messages, &uidnext, h.digest, err);
	if (rc >= 0)
		rc = compared_rows_begin(p->x->replica, &p->now.folder,
			h.columns & STATETABLE_UID,
			h.columns & STATETABLE_KEYS ? h.seed : NULL, &rows,
			err);
	if (rc < 0)
		return rc;
	h.rows = rows.count;
	rc = fill_table(&h, &rows, ret, err);
	compared_rows_end(&rows);
	return rc == ERR_LIMIT ? 1 : rc;
}

static int pack_table(
	struct packing *p, const struct replica_folder *f, struct err *err)
{
	struct parcel_compare c = begin_section(p);
	AUTO_BUF struct buf table = BUF_INIT;
	struct err why = ERR_INIT;
	int rc = make_table(p, f, &table, &why);

	if (rc > 0) { /* too large: symbols, as many as there can be */
		p->now.give_symbols = RIBLT_SYMBOLS_MAX;
		return pack_sketch(p, err);
	}
	if (rc < 0) {
		*err = why;
		return rc;
	}
	c.payload = table.data;
	c.len = table.len;
	return p->add(p->arg, PARCEL_TABLE, &c, err);
}

/* What was in vain before begins with a table of keys. */
static void choose(struct packing *p)
{
	if (p->now.role == COMPARING_ASKS && p->now.failed &&
		p->now.turn == 1 && !p->now.give_columns)
		p->now.give_columns =
			p->now.kind == COMPARING_CONTENT
				? STATETABLE_CONTENT
				: STATETABLE_EXACT | STATETABLE_DOTS;
}

static int pack_state(struct packing *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	int rc = replica_folder_by_fid(
		p->x->replica, &p->now.folder, &arena, &f, err);

	if (rc != 0) /* gone, with all that it held */
		return rc < 0 ? rc
			      : comparing_end(p->x->replica, p->x->peer,
					&p->now.folder, err);
	if (p->now.role == COMPARING_ANSWERS && !p->now.give_columns)
		return p->now.ask_symbols || p->now.ask_columns
			       ? pack_question(p, &f, err)
			       : 0;
	choose(p);
	if (p->now.give_columns)
		return p->x->gives ? pack_table(p, &f, err) : 0;
	rc = pack_sketch(p, err);
	if (rc >= 0 && !p->now.give_symbols && p->x->gives) {
		p->now.give_columns =
			STATETABLE_UID | STATETABLE_FLAGS | STATETABLE_LIVING;
		rc = pack_table(p, &f, err);
	}
	return rc;
}

static int pack_one(
	struct packing *p, const struct id128 *folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica *r = p->x->replica;
	int rc = comparing_get(r, p->x->peer, folder, &arena, &p->now, err);

	p->speaks =
		rc == 0 && comparing_speaks(&p->now, p->again, p->x->now_ms);
	if (rc > 0)
		p->now = (struct comparing){
			.folder = *folder,
			.kind = COMPARING_EXACT,
			.role = COMPARING_ANSWERS,
		};
	if (rc >= 0)
		rc = gap_in_doubt(r, folder, err);
	p->doubt = rc > 0;
	if (rc >= 0)
		rc = pack_rows(p, err);
	if (rc >= 0 && p->speaks)
		rc = pack_state(p, err);
	return rc < 0 ? rc
		      : comparing_packed(r, p->x->peer, folder, p->speaks, err);
}

/* In a transaction of its own: a large folder's keys take their time, and
   others want to write between two of them. */
static int pack_folder(
	struct packing *p, const struct id128 *folder, struct err *err)
{
	struct replica *r = p->x->replica;
	int rc = replica_begin(r, err);

	if (rc >= 0)
		rc = pack_one(p, folder, err);
	if (rc >= 0)
		rc = replica_commit(r, err);
	replica_rollback(r);
	return rc;
}

int exchange_pack(struct exchange *x, const char *account, bool again,
	exchange_add_fn add, void *arg, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct packing p = {.x = x,
		.account = account,
		.again = again,
		.add = add,
		.arg = arg};
	struct id128 *folders;
	size_t count;
	int rc = comparing_due(x->replica, x->peer, again, x->now_ms, &arena,
		&folders, &count, err);

	if (rc < 0 || !count)
		return rc;
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = pack_folder(&p, &folders[i], err);
	return rc < 0 ? rc : (int)count;
}
