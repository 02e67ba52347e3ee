/*
 * What a site shows another of its folders, and what that makes of it: the two
 * know one vector and hold the same, whatever comes into view or leaves it.
 */
#include "viewed.h"

#include "spoken.h"
#include "twostates.h"

static const char *const names[FOLDERS] = {"INBOX", "In/b", "Out/c"};

static void name(struct history *h, size_t folder, enum change_kind kind,
	const char *path)
{
	struct change c = change_blank(kind);

	c.folder = folders[folder];
	c.path = path;
	put(h, FOLDERS, &c);
}

struct both {
	struct site home, peer;
	struct history h;
};

/* As if the site's state had been new then. */
static void incarnate(struct site *s, uint64_t incarnation)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_meta_set(s->r, "incarnation", (int64_t)incarnation, &err),
		&err);
	done(replica_commit(s->r, &err), &err);
	done(replica_begin(s->r, &err), &err);
	replica_rollback(s->r);
	assert_int_equal(replica_incarnation(s->r), incarnation);
}

/* Folders with a mail each, known to both. */
static void begin(struct both *b)
{
	history_begin(&b->h);
	for (size_t i = 0; i < FOLDERS; i++) {
		name(&b->h, i, CHANGE_FOLDER, names[i]);
		save(&b->h, i);
	}
	b->home = fresh(HOME);
	incarnate(&b->home, INCARNATION);
	b->peer = fresh(SELF);
	take_all(&b->home, &b->h);
}

static void end(struct both *b)
{
	release(&b->home);
	release(&b->peer);
	history_free(&b->h);
}

static bool all(void *arg, const char *path)
{
	(void)arg, (void)path;
	return true;
}

static bool not_out(void *arg, const char *path)
{
	(void)arg;
	return strncmp(path, "Out/", 4) != 0;
}

static int settle(struct both *b, view_shows_fn shows)
{
	struct err err = ERR_INIT;

	done(replica_begin(b->home.r, &err), &err);
	int rc = view_settle(b->home.r, SELF, shows, NULL, &err);
	done(rc, &err);
	done(replica_commit(b->home.r, &err), &err);
	return rc;
}

/* The log of the peer's view; all zero: there is none. */
static struct replica_log view_log(struct site *s)
{
	struct err err = ERR_INIT;
	struct replica_log log = {0};
	struct log_id id = {HOME, replica_incarnation(s->r), view_log_id(SELF)};

	done(replica_log_get(s->r, &id, false, &log, &err), &err);
	return log;
}

/* The peer hears what its view is, from behind `after`. Returns how many
   changes told it. */
static size_t tell(struct both *b, uint64_t after)
{
	struct replica_log at = view_log(&b->home), known;
	struct change_batch batch = {0};
	struct err err = ERR_INIT;

	assert_true(at.known.lsn > after);
	done(view_write_out(
		     b->home.r, SELF, &at.known.log, after, &batch, &err),
		&err);
	done(replica_begin(b->peer.r, &err), &err);
	for (size_t i = 0; i < batch.count; i++) {
		const struct change *c = &batch.items[i];

		done(change_check(c, &err), &err);
		done(c->kind == CHANGE_VIEW
				? view_hear(b->peer.r,
					  &(struct dot){c->by.log, c->by.lsn},
					  &c->folder, c->value, &err)
				: replica_apply(b->peer.r, c, &err),
			&err);
	}
	done(replica_log_get(b->peer.r, &at.known.log, true, &known, &err),
		&err);
	known.known.lsn = at.known.lsn;
	done(replica_log_set(b->peer.r, &known, &err), &err);
	done(replica_commit(b->peer.r, &err), &err);
	size_t count = batch.count;
	change_batch_free(&batch);
	return count;
}

static int64_t number(struct site *s, const char *text)
{
	sqlite3_stmt *st;

	assert_int_equal(
		sqlite3_prepare_v2(replica_db(s->r), text, -1, &st, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* That the peer was given a log, as the shipper notes it. */
static void give(struct both *b, size_t folder)
{
	struct log_id id = log_id_of(folder);
	struct replica_log log;
	struct err err = ERR_INIT;

	take(&b->peer, &b->h, folder, b->h.logs[folder].count, false);
	done(replica_begin(b->home.r, &err), &err);
	done(replica_log_get(b->home.r, &id, false, &log, &err), &err);
	done(replica_ack_set(b->home.r, SELF,
		     &(struct replica_ack){log.id, log.known.lsn, 0, 0}, &err),
		&err);
	done(replica_commit(b->home.r, &err), &err);
}

static uint64_t durable(struct both *b, size_t folder)
{
	struct log_id id = log_id_of(folder);
	struct replica_log log;
	struct replica_ack ack;
	struct err err = ERR_INIT;

	done(replica_log_get(b->home.r, &id, false, &log, &err), &err);
	done(replica_ack_get(b->home.r, SELF, log.id, &ack, &err), &err);
	return ack.durable;
}

/* One vector, and the same folders with the same sums. */
static void agree(struct both *b, size_t count)
{
	struct word here = state_of(&b->home), there = state_of(&b->peer);

	assert_int_equal(here.vector, there.vector);
	assert_int_equal(here.count, count);
	assert_int_equal(there.count, count);
	for (size_t i = 0; i < count; i++) {
		assert_true(id_equal(
			&here.folders[i].folder, &there.folders[i].folder));
		assert_int_equal(here.folders[i].sums.messages,
			there.folders[i].sums.messages);
		assert_int_equal(here.folders[i].sums.digest,
			there.folders[i].sums.digest);
	}
	arena_free(&here.arena);
	arena_free(&there.arena);
}

static void account_log(struct both *b, bool whole)
{
	struct change_batch *log = &b->h.logs[FOLDERS];
	struct err err = ERR_INIT;

	done(replica_begin(b->peer.r, &err), &err);
	for (size_t i = 0; i < log->count; i++)
		if (whole || !id_equal(&log->items[i].folder, &folders[2]))
			done(replica_apply(b->peer.r, &log->items[i], &err),
				&err);
	done(replica_commit(b->peer.r, &err), &err);
}

static void what_was_never_shown_is_hidden_without_a_word(void **state)
{
	struct both b;
	struct err err = ERR_INIT;
	struct log_id hidden = log_id_of(2), shown = log_id_of(1);

	(void)state;
	begin(&b);
	assert_int_equal(settle(&b, all), 0);
	assert_int_equal(view_is_partial(b.home.r, SELF, &err), 0);
	assert_int_equal(settle(&b, not_out), 1);
	assert_int_equal(settle(&b, not_out), 0);
	assert_int_equal(view_is_partial(b.home.r, SELF, &err), 1);
	assert_int_equal(view_hides(b.home.r, SELF, &folders[2], &err), 1);
	assert_int_equal(view_hides(b.home.r, SELF, &folders[1], &err), 0);
	assert_int_equal(view_hides(b.home.r, 9, &folders[2], &err), 0);
	assert_int_equal(view_hides_log(b.home.r, SELF, &hidden, &err), 1);
	assert_int_equal(view_hides_log(b.home.r, SELF, &shown, &err), 0);
	assert_int_equal(view_log(&b.home).known.lsn, 0);
	account_log(&b, false);
	give(&b, 0);
	give(&b, 1);
	agree(&b, 2);
	end(&b);
}

/* An empty folder has no log in which it could have been given. */
static void a_folder_that_was_told_is_hidden_with_a_word(void **state)
{
	struct both b;
	struct err err = ERR_INIT;
	int64_t log = 0;
	uint64_t lsn = 0;

	(void)state;
	begin(&b);
	assert_int_equal(
		view_said_at(b.home.r, SELF, &folders[2], &log, &lsn, &err), 1);
	give(&b, FOLDERS);
	assert_int_equal(settle(&b, not_out), 1);
	assert_int_equal(
		view_said_at(b.home.r, SELF, &folders[2], &log, &lsn, &err), 0);
	assert_int_equal(log, view_log(&b.home).id);
	assert_int_equal(lsn, 1);
	assert_int_equal(tell(&b, 0), 1);
	assert_int_equal(number(&b.peer, "SELECT dead FROM folder"
					 " WHERE path = 'Out/c'"),
		1);
	end(&b);
}

static void count_hidden(struct both *b, size_t folder, size_t wanted)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct log_id log = log_id_of(folder);
	struct dot *dots;
	size_t count;

	done(view_hidden_dots(b->home.r, SELF, &log, UINT64_MAX >> 1, &arena,
		     &dots, &count, &err),
		&err);
	assert_int_equal(count, wanted);
}

static void mail_that_died_out_of_view_is_hidden(void **state)
{
	struct both b;
	struct change m;

	(void)state;
	begin(&b);
	m = save(&b.h, 1);
	struct dot dot = m.dot;
	settle(&b, not_out);
	count_hidden(&b, 1, 0);
	m = change_blank(CHANGE_MOVE);
	m.dot = dot;
	m.base = "moved.x";
	m.uid = 9;
	put(&b.h, 2, &m);
	take_all(&b.home, &b.h);
	count_hidden(&b, 1, 1);
	m = change_blank(CHANGE_EXPUNGE);
	m.dot = dot;
	put(&b.h, 2, &m);
	take_all(&b.home, &b.h);
	count_hidden(&b, 1, 1);
	settle(&b, all);
	count_hidden(&b, 1, 0);
	/* what comes back may be told for the first time all the same */
	assert_int_equal(view_is_partial(b.home.r, SELF, &(struct err){0}), 1);
	end(&b);
}

static void what_comes_into_view_is_told_with_its_name(void **state)
{
	struct both b;

	(void)state;
	begin(&b);
	settle(&b, not_out);
	account_log(&b, false);
	give(&b, 0);
	give(&b, 1);
	assert_int_equal(settle(&b, all), 1);
	/* that it is in view; its authority, and its name */
	assert_int_equal(tell(&b, 0), 3);
	give(&b, 2);
	agree(&b, 3);
	assert_int_equal(number(&b.peer, "SELECT count(*) FROM folder"
					 " WHERE path = 'Out/c'"),
		1);
	end(&b);
}

static void what_leaves_the_view_is_forgotten_and_comes_back(void **state)
{
	struct both b;
	struct err err = ERR_INIT;

	(void)state;
	begin(&b);
	settle(&b, all);
	account_log(&b, true);
	for (size_t i = 0; i < FOLDERS; i++)
		give(&b, i);
	agree(&b, 3);
	assert_int_equal(settle(&b, not_out), 1);
	assert_int_equal(durable(&b, 2), 0);
	assert_int_equal(durable(&b, 1), 1);
	assert_int_equal(tell(&b, 0), 1);
	agree(&b, 2);
	assert_int_equal(view_is_closed(b.peer.r, HOME, &folders[2], &err), 1);
	assert_int_equal(number(&b.peer, "SELECT count(*) FROM dot"), 2);
	assert_int_equal(number(&b.peer, "SELECT dead FROM folder"
					 " WHERE path = 'Out/c'"),
		1);
	/* it does not grow old by that */
	assert_int_equal(settle(&b, all), 1);
	tell(&b, 1);
	assert_int_equal(view_is_closed(b.peer.r, HOME, &folders[2], &err), 0);
	give(&b, 2);
	agree(&b, 3);
	assert_int_equal(number(&b.peer, "SELECT dead FROM folder"
					 " WHERE path = 'Out/c'"),
		0);
	end(&b);
}

static void a_rename_takes_a_folder_out_of_the_view(void **state)
{
	struct both b;

	(void)state;
	begin(&b);
	settle(&b, not_out);
	account_log(&b, false);
	give(&b, 0);
	give(&b, 1);
	name(&b.h, 1, CHANGE_RENAME, "Out/b");
	take_all(&b.home, &b.h);
	assert_int_equal(settle(&b, not_out), 1);
	assert_int_equal(tell(&b, 0), 1);
	agree(&b, 1);
	end(&b);
}

/* The peer hears the home speak in an incarnation. */
static void speak(struct both *b, uint64_t incarnation, uint64_t count)
{
	struct err err = ERR_INIT;

	done(replica_begin(b->peer.r, &err), &err);
	done(spoken_hear(b->peer.r, HOME, incarnation, count, &err), &err);
	done(replica_ack_order(b->peer.r, HOME, incarnation, count, &err),
		&err);
	done(replica_commit(b->peer.r, &err), &err);
}

static int closed(struct both *b)
{
	struct err err = ERR_INIT;

	return view_is_closed(b->peer.r, HOME, &folders[2], &err);
}

static int64_t is_gone(struct both *b)
{
	return number(&b->peer, "SELECT dead FROM folder"
				" WHERE path = 'Out/c'");
}

static void what_a_state_said_that_is_lost_is_void(void **state)
{
	struct both b;
	struct err err = ERR_INIT;
	struct dot by = {{HOME, INCARNATION, view_log_id(SELF)}, 2};

	(void)state;
	begin(&b);
	speak(&b, INCARNATION, spoken_next(0, 5));
	account_log(&b, true);
	give(&b, FOLDERS);
	settle(&b, not_out);
	tell(&b, 0);
	assert_int_equal(closed(&b), 1);
	assert_int_equal(is_gone(&b), 1);
	speak(&b, INCARNATION + 1, spoken_next(0, 6));
	assert_int_equal(closed(&b), 0);
	assert_int_equal(is_gone(&b), 0);
	/* An old bundle says it once more. */
	done(replica_begin(b.peer.r, &err), &err);
	assert_int_equal(view_hear(b.peer.r, &by, &folders[2], false, &err), 0);
	done(replica_commit(b.peer.r, &err), &err);
	assert_int_equal(closed(&b), 0);
	assert_int_equal(is_gone(&b), 0);
	end(&b);
}

/* It was put back: what it says is all that its table holds. */
static void a_state_that_begins_anew_says_all_once_more(void **state)
{
	struct both b;

	(void)state;
	begin(&b);
	account_log(&b, true);
	give(&b, FOLDERS);
	assert_int_equal(settle(&b, not_out), 1);
	incarnate(&b.home, INCARNATION + 1);
	assert_int_equal(settle(&b, not_out), 1);
	assert_int_equal(settle(&b, not_out), 0);
	assert_int_equal(tell(&b, 0), 1);
	speak(&b, INCARNATION + 1, spoken_next(0, 5));
	assert_int_equal(closed(&b), 1);
	assert_int_equal(is_gone(&b), 1);
	end(&b);
}

/* Nobody knows any more whether it was shown. */
static void what_an_earlier_state_made_is_hidden_with_a_word(void **state)
{
	struct both b;

	(void)state;
	begin(&b);
	incarnate(&b.home, INCARNATION + 1);
	assert_int_equal(settle(&b, not_out), 1);
	assert_int_equal(view_log(&b.home).known.lsn, 1);
	end(&b);
}

static void out(struct both *b, uint64_t by, const struct dot *dot, int wanted)
{
	struct change c = change_blank(CHANGE_OUT);
	struct err err = ERR_INIT;

	c.by.log = (struct log_id){by, INCARNATION, folders[0]};
	c.by.lsn = 7;
	c.dot = *dot;
	done(replica_begin(b->peer.r, &err), &err);
	assert_int_equal(replica_apply(b->peer.r, &c, &err), wanted);
	done(replica_commit(b->peer.r, &err), &err);
}

static void mail_that_went_out_leaves_no_tombstone(void **state)
{
	struct both b;

	(void)state;
	begin(&b);
	account_log(&b, true);
	give(&b, 1);
	struct dot dot = {log_id_of(1), 1};
	out(&b, 9, &dot, 1); /* not its to say */
	assert_int_equal(number(&b.peer, "SELECT count(*) FROM message"), 1);
	out(&b, HOME, &dot, 0);
	assert_int_equal(number(&b.peer, "SELECT count(*) FROM message"), 0);
	assert_int_equal(number(&b.peer, "SELECT count(*) FROM dot"), 0);
	assert_int_equal(number(&b.peer, "SELECT messages FROM folder"
					 " WHERE path = 'In/b'"),
		0);
	out(&b, HOME, &dot, 1);
	end(&b);
}

static void a_body_goes_where_its_mail_is_seen(void **state)
{
	struct both b;
	struct err err = ERR_INIT;

	(void)state;
	begin(&b);
	settle(&b, not_out);
	assert_int_equal(view_shows_body(b.home.r, SELF,
				 &b.h.logs[1].items[0].hash, &err),
		1);
	assert_int_equal(view_shows_body(b.home.r, SELF,
				 &b.h.logs[2].items[0].hash, &err),
		0);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_never_shown_is_hidden_without_a_word),
		cmocka_unit_test(a_folder_that_was_told_is_hidden_with_a_word),
		cmocka_unit_test(mail_that_died_out_of_view_is_hidden),
		cmocka_unit_test(what_comes_into_view_is_told_with_its_name),
		cmocka_unit_test(
			what_leaves_the_view_is_forgotten_and_comes_back),
		cmocka_unit_test(a_rename_takes_a_folder_out_of_the_view),
		cmocka_unit_test(what_a_state_said_that_is_lost_is_void),
		cmocka_unit_test(a_state_that_begins_anew_says_all_once_more),
		cmocka_unit_test(
			what_an_earlier_state_made_is_hidden_with_a_word),
		cmocka_unit_test(mail_that_went_out_leaves_no_tombstone),
		cmocka_unit_test(a_body_goes_where_its_mail_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
