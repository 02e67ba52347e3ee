#include "journal.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "quarantine.h"
#include "retention.h"
#include "segment.h"
#include "wire.h"

#define FRAME_CHANGES_MAX 4096 /* changes per frame: bounds memory */
#define STATE_EVERY 512	       /* changes between statements … */
#define STATE_EVERY_MS 600000  /* … and time */

/*
 * A frame's worth of changes is packed at once: a folder with a flag changed
 * on all of 100,000 messages is one commit, and its changes are to fit into
 * memory. They are coded anew at the commit, which knows the segment.
 */
struct journal_log {
	struct replica_log at;
	struct change_batch batch; /* the last ones */
	struct buf packed;	   /* before them: length, payload, … */
	uint64_t packed_count;	   /* changes */
};

int journal_begin(struct journal *j, struct account *a, struct err *err)
{
	*j = (struct journal){.account = a};
	int rc = replica_begin(a->replica, err);
	if (rc >= 0)
		j->open = true;
	return rc;
}

static void drop_logs(struct journal *j)
{
	for (size_t i = 0; i < j->log_count; i++) {
		change_batch_free(&j->logs[i].batch);
		buf_free(&j->logs[i].packed);
	}
	free(j->logs);
	j->logs = NULL;
	j->log_count = 0;
}

void journal_abort(struct journal *j)
{
	if (j->open)
		replica_rollback(j->account->replica);
	j->open = false;
	drop_logs(j);
}

static int log_for(struct journal *j, const struct id128 *folder,
	struct journal_log **ret, struct err *err)
{
	for (size_t i = 0; i < j->log_count; i++) {
		if (id_equal(&j->logs[i].at.known.log.folder, folder)) {
			*ret = &j->logs[i];
			return 0;
		}
	}
	struct replica *r = j->account->replica;
	struct log_id id = {replica_origin(r), replica_incarnation(r), *folder};
	j->logs = mem_grow(j->logs, j->log_count + 1, sizeof(*j->logs));
	struct journal_log *log = &j->logs[j->log_count];
	memset(log, 0, sizeof(*log));
	int rc = replica_log_get(r, &id, true, &log->at, err);
	if (rc < 0)
		return rc;
	j->log_count++;
	*ret = log;
	return 0;
}

static struct change_context context_of(
	const struct journal_log *log, uint64_t first_lsn, uint64_t base_ms)
{
	return (struct change_context){log->at.known.log, first_lsn, base_ms};
}

static void pack(struct journal_log *log)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct change_context ctx =
		context_of(log, log->batch.items[0].by.lsn, 0);

	change_encode(&ctx, log->batch.items, log->batch.count, &b);
	wire_add_u64(&log->packed, b.len);
	buf_add(&log->packed, b.data, b.len);
	log->packed_count += log->batch.count;
	change_batch_free(&log->batch);
	log->batch = (struct change_batch){0};
}

int journal_put(struct journal *j, const struct id128 *folder, struct change *c,
	struct err *err)
{
	struct journal_log *log;
	int rc = log_for(j, folder, &log, err);

	if (rc < 0)
		return rc;
	c->by.log = log->at.known.log;
	c->by.lsn =
		log->at.known.lsn + log->packed_count + log->batch.count + 1;
	if (c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY)
		c->dot = (struct dot){c->by.log, c->by.lsn};
	rc = change_check(c, err);
	if (rc < 0) {
		err->code = ERR_LIMIT;
		return err_wrap(err, "cannot be logged");
	}
	change_copy(&log->batch, c);
	if (log->batch.count == FRAME_CHANGES_MAX)
		pack(log);
	j->changes++;
	rc = replica_apply(j->account->replica, c, err);
	return rc < 0 ? rc : 0;
}

static int append_statement(struct journal *j, struct journal_log *log,
	struct log_writer *w, int64_t now_ms, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_BUF struct buf b = BUF_INIT;
	struct replica *r = j->account->replica;
	const struct id128 *folder = &log->at.known.log.folder;
	struct statement st = {.lsn = w->end.lsn, .stamp = STAMP_OF(now_ms, 0)};
	struct replica_log *logs;
	size_t count;
	int rc = replica_folder_sums(
		r, folder, &st.messages, &st.uidnext, st.digest, err);

	if (rc >= 0)
		rc = replica_logs(r, &arena, &logs, &count, err);
	if (rc < 0)
		return rc;
	st.vector = arena_alloc(&arena, (count + 1) * sizeof(*st.vector));
	for (size_t i = 0; i < count; i++)
		if (id_equal(&logs[i].known.log.folder, folder) &&
			logs[i].known.lsn && logs[i].id != log->at.id)
			st.vector[st.vector_count++] = logs[i].known;
	statement_encode(&st, &b);
	rc = log_writer_append(w, FRAME_STATEMENT, 0, b.data, b.len, err);
	if (rc >= 0) {
		log->at.stated_lsn = w->end.lsn;
		log->at.stated_ms = now_ms;
	}
	return rc;
}

static int append_batch(struct journal_log *log,
	const struct change_batch *batch, struct log_writer *w, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT;

	if (!batch->count)
		return 0;
	struct change_context ctx =
		context_of(log, batch->items[0].by.lsn, w->header.base_ms);
	change_encode(&ctx, batch->items, batch->count, &b);
	return log_writer_append(
		w, FRAME_CHANGES, (uint32_t)batch->count, b.data, b.len, err);
}

static int append_changes(
	struct journal_log *log, struct log_writer *w, struct err *err)
{
	struct wire packed = wire_over(log->packed.data, log->packed.len);
	uint64_t lsn = log->at.known.lsn + 1;
	int rc = 0;

	while (wire_left(&packed) && rc >= 0) {
		struct change_batch batch = {0};
		struct change_context ctx = context_of(log, lsn, 0);
		size_t len = (size_t)wire_u64(&packed);

		rc = change_decode(
			&ctx, wire_raw(&packed, len), len, &batch, err);
		if (rc >= 0)
			rc = append_batch(log, &batch, w, err);
		lsn += batch.count;
		change_batch_free(&batch);
	}
	return rc < 0 ? rc : append_batch(log, &log->batch, w, err);
}

static int open_log(struct account *a, struct journal_log *log, const char *dir,
	struct log_writer *w, struct err *err)
{
	struct segment_header header = {.log = log->at.known.log};
	struct log_end end = {log->at.file_lsn, log->at.known.lsn,
		log->at.known.chain, log->at.size};

	memcpy(header.account, a->name, strlen(a->name));
	int rc = log_writer_open(w, a->os, dir, &header, &end, err);

	if (rc != ERR_ABSENT)
		return rc;
	/* Somebody removed its last file: it goes on in a new one. What peers
	   lack comes from the state, and until they have it there is a gap. */
	rc = retention_lost(a, &log->at, err);
	end.file_lsn = 0;
	end.size = 0;
	return rc < 0 ? rc : log_writer_open(w, a->os, dir, &header, &end, err);
}

static int write_log(
	struct journal *j, struct journal_log *log, bool state, struct err *err)
{
	struct account *a = j->account;
	char hex[ID_HEX];
	int64_t now_ms = a->os->ops->wall_ns(a->os) / 1000000;
	struct log_writer w;

	id_hex(&log->at.known.log.folder, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", a->log_dir, hex);
	int rc = open_log(a, log, dir, &w, err);
	if (rc < 0)
		return err_wrap(err, "log %s", dir);
	rc = log_writer_begin(&w, (uint64_t)now_ms, err);
	if (rc >= 0)
		rc = append_changes(log, &w, err);
	if (rc >= 0 &&
		(state || w.end.lsn - log->at.stated_lsn >= STATE_EVERY ||
			now_ms - log->at.stated_ms >= STATE_EVERY_MS))
		rc = append_statement(j, log, &w, now_ms, err);
	if (rc >= 0)
		rc = log_writer_sync(&w, err);
	log->at.known.lsn = w.end.lsn;
	log->at.known.chain = w.end.chain;
	log->at.file_lsn = w.end.file_lsn;
	log->at.size = w.end.size;
	log_writer_close(&w);
	if (rc < 0)
		return err_wrap(err, "log %s", dir);
	/* What we logged from our own store is placed there. */
	log->at.applied = log->at.known.lsn;
	return replica_log_set(a->replica, &log->at, err);
}

/* What was put is undone: the next pass finds it again, and logs it in the
   new incarnation. */
static int give_up_log(
	struct journal *j, const struct id128 *folder, struct err *err)
{
	struct err why = *err;
	int rc = j->quarantining
			 ? ERR_CORRUPT
			 : quarantine_log(j->account, folder, why.text, err);

	if (rc < 0)
		return rc;
	*err = why;
	err->code = ERR_OPERATOR;
	return err_wrap(err,
		"account %s: a log is damaged and was put aside: what peers "
		"lack of it is handed over from the state",
		j->account->name);
}

int journal_commit(struct journal *j, bool state, struct err *err)
{
	int rc = 0;

	struct id128 damaged = {{0}};
	for (size_t i = 0; i < j->log_count && rc >= 0; i++) {
		if (!j->logs[i].batch.count && !j->logs[i].packed_count)
			continue;
		rc = write_log(j, &j->logs[i], state, err);
		damaged = j->logs[i].at.known.log.folder;
	}
	if (rc >= 0) {
		rc = replica_commit(j->account->replica, err);
		j->open = false;
	}
	if (rc < 0) {
		journal_abort(j);
		return rc == ERR_CORRUPT ? give_up_log(j, &damaged, err) : rc;
	}
	drop_logs(j);
	return 0;
}

uint64_t journal_stamp(int64_t event_ms, int64_t now_ms, uint64_t above)
{
	if (event_ms > now_ms || event_ms <= 0)
		event_ms = now_ms;
	uint64_t stamp = STAMP_OF(event_ms, 0);
	return stamp > above ? stamp : above + 1;
}
