/*
 * fuzz_merge: changes of two sites that are authentic, and hostile or only
 * late, merged in several orders.
 *
 * The input is a byte and a list of changes, SIZE bytes each: in which log, of
 * which kind, when, of which message, and with what values, out of a few of
 * each, so that they meet. Each passes change_check.
 *
 * A hostile site (the byte is 1) speaks of dots that never were, and lies
 * about bodies: whatever it says, the state stays whole, its sums are those of
 * its rows. Others speak of what was born, by clocks that go on: the
 * state is then the same in whatever order the logs come, as they are, folded,
 * or written out of a state that has them.
 *
 * Left out, as there the order still tells, and sites become equal by comparing
 * the folder: claims and merges of folders, by which UIDs are taken or left as
 * they come; births alike at two sites, of which one dies alone.
 *
 * Planted bugs found by the corpus alone: a UID of the folder that a move left
 * not kept waiting, and the order of moves not asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "err.h"
#include "fold.h"
#include "simdisk.h"
#include "sql.h"

#define SIZE 6
#define CHANGES_MAX 48
#define ORIGINS 2
#define FOLDERS 4 /* the last: the account log */
#define LOGS (ORIGINS * FOLDERS)
#define LSNS 8 /* no log has one base name twice */
#define BASE_MS 1795303760000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct id128 folders[FOLDERS] = {
	{{'I', 'N', 'B', 'O', 'X'}}, {{3}}, {{4}}, {{0}}};

static void demand(bool so)
{
	if (!so)
		abort();
}

static void done(int rc, const struct err *err)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	abort();
}

/* ---- what they say ---- */

struct said {
	bool hostile;
	uint64_t last[ORIGINS]; /* each site's greatest stamp */
	struct dot born[CHANGES_MAX];
	size_t born_count;
	struct change_batch logs[LOGS];
	uint8_t order[CHANGES_MAX]; /* the logs, as changes were said */
	size_t count;
};

static struct log_id log_at(size_t i)
{
	return (struct log_id){
		2 + i % ORIGINS, 77, folders[i / ORIGINS % FOLDERS]};
}

static struct dot dot_at(const struct said *s, unsigned byte)
{
	if (!s->hostile)
		return s->born_count ? s->born[byte % s->born_count]
				     : (struct dot){.lsn = 0};
	/* not of an account log, which holds no births */
	return (struct dot){
		log_at(byte % (LOGS - ORIGINS)), 1 + byte / LOGS % LSNS};
}

static enum change_kind kind_at(size_t log, unsigned byte)
{
	static const enum change_kind of_messages[] = {CHANGE_SAVE, CHANGE_COPY,
		CHANGE_MOVE, CHANGE_LEFT, CHANGE_FLAGS, CHANGE_EXPUNGE,
		CHANGE_UID, CHANGE_EXTRA, CHANGE_UIDNEXT};
	static const enum change_kind of_folders[] = {CHANGE_FOLDER,
		CHANGE_RENAME, CHANGE_DELETE, CHANGE_SUBSCRIBE,
		CHANGE_IDENTITY};

	return log / ORIGINS == FOLDERS - 1
		       ? of_folders[byte %
				    (sizeof(of_folders) / sizeof(*of_folders))]
		       : of_messages[byte % (sizeof(of_messages) /
						    sizeof(*of_messages))];
}

static void fill_message(
	const struct said *s, struct change *c, const uint8_t *in)
{
	static const char *const letters[] = {"", "F", "S", "FS"};
	static const char *const keywords[] = {"", "Work", "work", "a B"};
	static const char *const bases[] = {"1.a", "1.b", "2.x", "2.y"};
	static const char *const births[ORIGINS][LSNS] = {
		{"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"},
		{"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"}};
	static const char *const extras[] = {"", "G1", "P7", "G2 P7"};

	c->dot = c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY
			 ? (struct dot){c->by.log, c->by.lsn}
			 : dot_at(s, in[3]);
	/* of a MOVE: a copy of it that the site itself logged before */
	if (c->kind == CHANGE_COPY ||
		(c->kind == CHANGE_MOVE && s->hostile && in[5] & 128))
		c->source = dot_at(s, in[5]);
	c->folder = folders[in[5] % (FOLDERS - 1)];
	c->uid = in[4] >> 5;
	c->base = s->hostile || c->kind == CHANGE_MOVE
			  ? bases[in[4] & 3]
			  : births[c->dot.log.origin % ORIGINS]
				  [c->dot.lsn % LSNS];
	c->extra = extras[in[4] >> 2 & 3];
	unsigned what = s->hostile ? in[5] : (unsigned)c->dot.lsn;
	c->size = 1 + (what & 1);
	c->hash.b[0] = 1 + (what & 1);
	if (c->kind == CHANGE_FLAGS || s->hostile) {
		c->add.letters = letters[in[5] & 3];
		c->add.keywords = keywords[in[5] >> 2 & 3];
	} else {
		c->add.letters = letters[what & 3];
	}
	if (c->kind != CHANGE_FLAGS)
		return;
	c->del.letters = in[4] & 1 && !(in[5] & 3) ? "F" : "";
	c->del.keywords = in[4] & 2 && !(in[5] >> 2 & 3) ? "WORK" : "";
}

static void fill_folder(struct change *c, const uint8_t *in)
{
	static const char *const paths[] = {"A", "A/B", "C", "INBOX"};

	c->folder = folders[in[3] % (FOLDERS - 1)];
	c->path = paths[in[4] >> 2 & 3];
	c->value = in[4] & 16;
	c->uidvalidity = in[5] & 3;
	c->uidnext = in[5] >> 2 & 7;
	c->guid.b[0] = in[5] >> 5;
}

/*
 * The claims, known to all before: what a site says of UIDs is taken or left
 * out as it comes, by whose folder it is then.
 */
static void claim(struct said *s)
{
	for (size_t i = 0; i < FOLDERS - 1; i++) {
		size_t log = LOGS - ORIGINS + i % ORIGINS;
		struct change c = change_blank(CHANGE_AUTHORITY);

		c.by = (struct write_id){STAMP_OF(BASE_MS, 0), log_at(log),
			s->logs[log].count + 1};
		c.folder = folders[i];
		c.term = 1;
		c.site = log_at(log).origin;
		change_copy(&s->logs[log], &c);
		s->order[s->count++] = (uint8_t)log;
	}
}

/* Without the fields that its kind does not have. */
static void add_as_decoded(struct change_batch *log, const struct change *c)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct change_context ctx = {c->by.log, c->by.lsn, BASE_MS};
	struct err err = ERR_INIT;

	change_encode(&ctx, c, 1, &b);
	done(change_decode(&ctx, b.data, b.len, log, &err), &err);
}

static void say(struct said *s, const uint8_t *in)
{
	size_t log = in[0] % LOGS;
	struct change c = change_blank(kind_at(log, in[1]));

	uint64_t stamp = STAMP_OF(BASE_MS + in[2] % 16, 0);
	uint64_t *last = &s->last[log % ORIGINS];
	if (!s->hostile && stamp <= *last)
		stamp = *last + 1;
	*last = stamp;
	c.by = (struct write_id){stamp, log_at(log), s->logs[log].count + 1};
	if (log / ORIGINS == FOLDERS - 1)
		fill_folder(&c, in);
	else
		fill_message(s, &c, in);
	if (change_check(&c, NULL) < 0 || c.by.lsn >= LSNS)
		return;
	add_as_decoded(&s->logs[log], &c);
	s->order[s->count++] = (uint8_t)log;
	if (c.kind == CHANGE_SAVE || c.kind == CHANGE_COPY)
		s->born[s->born_count++] = c.dot;
}

/* ---- what is made of it ---- */

struct world {
	struct simdisk *disk;
	struct replica *r;
};

static struct world *world(void)
{
	static struct world w;
	struct err err = ERR_INIT;

	if (w.r)
		return &w;
	w.disk = simdisk_new(1);
	done(replica_open(
		     simdisk_os(w.disk), "/state.db", "a", 1, true, &w.r, &err),
		&err);
	return &w;
}

static void merge(struct replica *r, const struct change *c, uint64_t upto)
{
	struct replica_log log;
	struct err err = ERR_INIT;

	done(replica_log_get(r, &c->by.log, true, &log, &err), &err);
	done(replica_apply(r, c, &err), &err);
	log.known.lsn = upto;
	done(replica_log_set(r, &log, &err), &err);
}

static void add_writer(struct buf *b, const struct write_id *by)
{
	buf_printf(b, " %llx/%llu/%u:%llu", (unsigned long long)by->stamp,
		(unsigned long long)by->log.origin, by->log.folder.b[0],
		(unsigned long long)by->lsn);
}

/* All that two states must have in common, as text. */
static void describe(struct replica *r, struct buf *b)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct err err = ERR_INIT;

	done(tally_flush(r, &err), &err);
	for (size_t i = 0; i < FOLDERS - 1; i++) {
		uint64_t messages;
		uint8_t digest[16];
		int rc =
			replica_folder_by_fid(r, &folders[i], &arena, &f, &err);

		done(rc, &err);
		if (rc > 0 || (!f.messages && !f.path[0] && !f.dead))
			continue;
		done(tally_recount(r, f.id, &messages, digest, &err), &err);
		demand(messages == f.messages &&
			memcmp(digest, f.digest, sizeof(digest)) == 0);
		buf_printf(b,
			"folder %zu is %u path '%s' dead %d valid %u next %u "
			"guid %u extra '%s' subscribed %d term %llu site %llu "
			"messages %llu digest %02x%02x%02x%02x",
			i, f.fid.b[0], f.path, f.dead, f.uidvalidity, f.uidnext,
			f.guid.b[0], f.extra, f.subscribed,
			(unsigned long long)f.authority.term,
			(unsigned long long)f.authority.site,
			(unsigned long long)f.messages, digest[0], digest[1],
			digest[2], digest[3]);
		add_writer(b, &f.path_by);
		add_writer(b, &f.identity_by);
		add_writer(b, &f.subscribed_by);
		buf_add_str(b, "\n");
	}
}

/* The logs one after the other, beginning with `first`. */
static void merge_logs(struct replica *r, const struct change_batch *logs,
	size_t first, bool down, const uint64_t *ends)
{
	for (size_t log = LOGS - ORIGINS; log < LOGS; log++)
		for (size_t k = 0; k < logs[log].count; k++)
			if (logs[log].items[k].kind == CHANGE_AUTHORITY)
				merge(r, &logs[log].items[k], 0);
	for (size_t i = 0; i < LOGS; i++) {
		size_t log = (first + (down ? LOGS - i : i)) % LOGS;

		for (size_t k = 0; k < logs[log].count; k++)
			merge(r, &logs[log].items[k],
				k + 1 == logs[log].count
					? ends[log]
					: logs[log].items[k].by.lsn);
	}
}

static void same(struct replica *r, const char *how, bool must, struct buf *was)
{
	AUTO_BUF struct buf b = BUF_INIT;

	describe(r, &b);
	replica_rollback(r);
	if (!must || strcmp(buf_str(was), buf_str(&b)) == 0)
		return;
	fprintf(stderr, "as said:\n%s%s:\n%s", buf_str(was), how, buf_str(&b));
	abort();
}

static void in_all_orders(struct replica *r, struct said *s)
{
	AUTO_BUF struct buf was = BUF_INIT;
	struct change_batch folded[LOGS] = {0}, written[LOGS] = {0};
	struct err err = ERR_INIT;
	uint64_t ends[LOGS];
	size_t next[LOGS] = {0};

	done(replica_begin(r, &err), &err);
	for (size_t i = 0; i < s->count; i++) {
		struct change_batch *log = &s->logs[s->order[i]];
		const struct change *c = &log->items[next[s->order[i]]++];

		merge(r, c, c->by.lsn);
	}
	describe(r, &was);
	for (size_t i = 0; i < LOGS; i++) {
		struct log_id id = log_at(i);
		uint64_t upto;

		ends[i] = s->logs[i].count;
		fold_changes(s->logs[i].items, s->logs[i].count, FOLD_DROP_DEAD,
			&folded[i]);
		if (s->logs[i].count)
			done(replica_write_out(r, &id, 0, ends[i], &written[i],
				     &upto, &err),
				&err);
	}
	replica_rollback(r);
	for (size_t i = 0; i < 4; i++) {
		done(replica_begin(r, &err), &err);
		merge_logs(r, s->logs, i * 3, i & 1, ends);
		same(r, "log by log", !s->hostile, &was);
	}
	done(replica_begin(r, &err), &err);
	merge_logs(r, folded, LOGS - ORIGINS, false, ends);
	same(r, "folded", !s->hostile, &was);
	done(replica_begin(r, &err), &err);
	merge_logs(r, written, LOGS - ORIGINS, false, ends);
	same(r, "written out", !s->hostile, &was);
	for (size_t i = 0; i < LOGS; i++) {
		change_batch_free(&folded[i]);
		change_batch_free(&written[i]);
	}
}

static void tell(const struct said *s)
{
	size_t next[LOGS] = {0};

	if (!getenv("FUZZ_TELL"))
		return;
	for (size_t i = 0; i < s->count; i++) {
		const struct change *c =
			&s->logs[s->order[i]].items[next[s->order[i]]++];
		AUTO_BUF struct buf b = BUF_INIT;

		change_print(c, &b);
		fprintf(stderr, "%llu/%u: %s\n",
			(unsigned long long)c->by.log.origin,
			c->by.log.folder.b[0], buf_str(&b));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct said s = {.count = 0};

	if (!len || data[0] > 1)
		return 0;
	s.hostile = data[0];
	claim(&s);
	for (size_t at = 1; at + SIZE <= len && s.count < CHANGES_MAX;
		at += SIZE)
		say(&s, data + at);
	tell(&s);
	in_all_orders(world()->r, &s);
	for (size_t i = 0; i < LOGS; i++)
		change_batch_free(&s.logs[i]);
	return 0;
}
