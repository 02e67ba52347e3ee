/* Bodies that a link kept back: who says that a peer lacks them, and until
   when. */
#include "twostates.h"

#include "held.h"
#include "report.h"

#define PEER 77
#define T(name) cmocka_unit_test(name)

static void save_body(struct history *h, uint64_t size, uint8_t mark)
{
	struct change c = change_blank(CHANGE_SAVE);
	char base[32];

	snprintf(base, sizeof(base), "%llu.x", (unsigned long long)h->ms);
	c.base = base;
	c.size = size;
	c.mtime = (int64_t)size;
	c.hash.b[0] = mark;
	put(h, 0, &c);
}

static void expunge(struct history *h, uint64_t lsn)
{
	struct change c = change_blank(CHANGE_EXPUNGE);

	c.dot = (struct dot){log_id_of(0), lsn};
	put(h, 0, &c);
}

/* All its mail lies in its store. */
static void place_all(struct site *s)
{
	if (sqlite3_exec(replica_db(s->r),
		    "UPDATE message SET p_folder = folder", NULL, NULL,
		    NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(replica_db(s->r)));
}

/* Three: of 10, 20 and 30 bytes; marks 1, 2, 3. */
static struct site three(struct history *h)
{
	struct site s = fresh(HOME);

	history_begin(h);
	for (uint8_t i = 1; i <= 3; i++)
		save_body(h, 10u * i, i);
	take_all(&s, h);
	place_all(&s);
	return s;
}

static struct hash marked(uint8_t mark)
{
	return (struct hash){{mark}};
}

static void keep(struct site *s, uint8_t mark)
{
	struct hash hash = marked(mark);
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(held_keep(s->r, PEER, &hash, 0, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

/* The peer's word: it knows the log up to lsn, and wants one body, or none. */
static void hear_ack(struct site *s, uint64_t lsn, uint8_t mark, bool all)
{
	struct log_id id = log_id_of(0);
	struct hash hash = marked(mark);
	struct replica_log log;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_log_get(s->r, &id, false, &log, &err), &err);
	struct replica_ack ack = {log.id, lsn, 0, lsn};
	done(replica_ack_set(s->r, PEER, &ack, &err), &err);
	done(replica_want_clear(s->r, PEER, all, &err), &err);
	done(held_cancel(s->r, PEER, &err), &err);
	if (mark)
		done(replica_want_add(s->r, PEER, &hash, 5, false, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

/* The marks of what is held, in order: 123, 13, 0. */
static unsigned held_above(struct site *s, uint64_t above)
{
	AUTO_ARENA struct arena arena = {0};
	struct held_body *list;
	struct err err = ERR_INIT;
	unsigned marks = 0;
	size_t count;

	done(held_list(s->r, PEER, above, &arena, &list, &count, &err), &err);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(list[i].size, 10u * list[i].hash.b[0]);
		marks = marks * 10 + list[i].hash.b[0];
	}
	return marks;
}

static void what_we_say_counts_until_the_peer_can_know(void **state)
{
	struct history h;
	struct site s = three(&h);

	(void)state;
	keep(&s, 2);
	keep(&s, 3);
	assert_int_equal(held_above(&s, 0), 23);
	assert_int_equal(held_above(&s, 20), 3);
	assert_int_equal(held_above(&s, UINT64_MAX), 0);
	hear_ack(&s, 1, 0, true); /* knows neither */
	assert_int_equal(held_above(&s, 0), 23);
	hear_ack(&s, 2, 0, false); /* what it wants is open */
	assert_int_equal(held_above(&s, 0), 23);
	hear_ack(&s, 2, 0, true); /* it has one of them */
	assert_int_equal(held_above(&s, 0), 3);
	hear_ack(&s, 3, 3, true);
	assert_int_equal(held_above(&s, 0), 3);
	hear_ack(&s, 3, 0, false); /* and what it said is its to take back */
	assert_int_equal(held_above(&s, 0), 0);
	history_free(&h);
	release(&s);
}

static void what_is_kept_stays_though_nothing_is_said_of_it(void **state)
{
	struct history h;
	struct site s = three(&h);

	(void)state;
	hear_ack(&s, 3, 3, true);
	keep(&s, 3); /* the link had another look */
	hear_ack(&s, 3, 0, false);
	assert_int_equal(held_above(&s, 0), 3);
	hear_ack(&s, 3, 0, true);
	assert_int_equal(held_above(&s, 0), 0);
	history_free(&h);
	release(&s);
}

static void what_no_living_mail_has_is_cancelled(void **state)
{
	struct history h;
	struct site s = three(&h);
	struct err err = ERR_INIT;
	struct hash two = marked(2);

	(void)state;
	save_body(&h, 20, 2); /* a second mail with it: lsn 4 */
	take_all(&s, &h);
	place_all(&s);
	keep(&s, 2);
	done(replica_begin(s.r, &err), &err);
	done(held_release(s.r, PEER, &two, &err), &err);
	done(replica_commit(s.r, &err), &err);
	assert_int_equal(held_is_released(s.r, PEER, &two, &err), 1);
	assert_int_equal(held_is_released(s.r, PEER + 1, &two, &err), 0);
	expunge(&h, 2);
	take_all(&s, &h);
	hear_ack(&s, 1, 0, true);
	assert_int_equal(held_above(&s, 0), 2);
	expunge(&h, 4);
	take_all(&s, &h);
	assert_int_equal(held_above(&s, 0), 0);
	hear_ack(&s, 1, 0, true);
	assert_int_equal(held_is_released(s.r, PEER, &two, &err), 0);
	history_free(&h);
	release(&s);
}

static void what_was_handed_over_says_by_what(void **state)
{
	static const struct id128 medium = {{5}};
	AUTO_ARENA struct arena arena = {0};
	struct history h;
	struct site s = three(&h);
	struct hash three_hash = marked(3);
	struct held_body *list;
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	keep(&s, 2);
	keep(&s, 3);
	done(replica_begin(s.r, &err), &err);
	done(replica_sent_body(
		     s.r, PEER, "stick", &medium, 9, &three_hash, &err),
		&err);
	done(replica_commit(s.r, &err), &err);
	done(held_list(s.r, PEER, 0, &arena, &list, &count, &err), &err);
	assert_int_equal(count, 2);
	assert_null(list[0].link);
	assert_string_equal(list[1].link, "stick");
	done(replica_begin(s.r, &err), &err);
	done(held_gone(s.r, PEER, &three_hash, &err), &err);
	done(replica_commit(s.r, &err), &err);
	assert_int_equal(held_above(&s, 0), 2);
	history_free(&h);
	release(&s);
}

static struct held_body only(struct site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct held_body *list;
	struct err err = ERR_INIT;
	size_t count;

	done(held_list(s->r, PEER, 0, &arena, &list, &count, &err), &err);
	assert_int_equal(count, 1);
	return list[0];
}

static void of_what_is_held_a_preview_may_be_under_way_or_there(void **state)
{
	static const struct id128 medium = {{5}};
	struct history h;
	struct site s = three(&h);
	struct hash two = marked(2), name = held_preview_name(&two);
	struct err err = ERR_INIT;

	(void)state;
	assert_memory_not_equal(&name, &two, sizeof(name));
	keep(&s, 2);
	assert_false(only(&s).told);
	done(replica_begin(s.r, &err), &err);
	done(replica_sent_body(s.r, PEER, "sat", &medium, 9, &name, &err),
		&err);
	done(replica_commit(s.r, &err), &err);
	assert_true(only(&s).told);
	assert_false(only(&s).previewed);
	assert_null(only(&s).link); /* the mail itself is not */
	assert_int_equal(held_is_previewed(s.r, PEER, &two, &err), 0);
	/* The peer says so; and that it has it no more. */
	for (int there = 1; there >= 0; there--) {
		done(replica_begin(s.r, &err), &err);
		done(replica_want_add(s.r, PEER, &two, 0, there, &err), &err);
		done(replica_commit(s.r, &err), &err);
		assert_int_equal(
			held_is_previewed(s.r, PEER, &two, &err), there);
		assert_int_equal(only(&s).previewed, there);
		keep(&s, 2);
		assert_int_equal(only(&s).previewed, there);
	}
	done(replica_begin(s.r, &err), &err);
	done(held_previewed(s.r, PEER, &two, &err), &err);
	done(replica_commit(s.r, &err), &err);
	assert_int_equal(held_is_previewed(s.r, PEER, &two, &err), 1);
	history_free(&h);
	release(&s);
}

static void a_peer_that_is_forgotten_has_nothing_held(void **state)
{
	struct history h;
	struct site s = three(&h);
	struct hash two = marked(2);
	struct err err = ERR_INIT;

	(void)state;
	keep(&s, 2);
	done(replica_begin(s.r, &err), &err);
	done(held_release(s.r, PEER, &two, &err), &err);
	done(replica_peer_forget(s.r, PEER, &err), &err);
	done(replica_commit(s.r, &err), &err);
	assert_int_equal(held_above(&s, 0), 0);
	assert_int_equal(held_is_released(s.r, PEER, &two, &err), 0);
	history_free(&h);
	release(&s);
}

static int lacks(struct site *s, uint64_t lsn)
{
	struct log_id id = log_id_of(0);
	struct replica_log log;
	struct err err = ERR_INIT;

	done(replica_log_get(s->r, &id, false, &log, &err), &err);
	return report_lacks_bodies(s->r, PEER, log.id, lsn, &err);
}

/* Mail 2 is born at lsn 2. */
static void a_peer_has_what_it_does_not_want_once_it_has_said_all(void **state)
{
	struct history h;
	struct site s = three(&h);

	(void)state;
	hear_ack(&s, 3, 2, true);
	assert_int_equal(lacks(&s, 1), 0);
	assert_int_equal(lacks(&s, 2), 1);
	assert_int_equal(lacks(&s, 3), 1);
	hear_ack(&s, 3, 0, true);
	assert_int_equal(lacks(&s, 3), 0);
	hear_ack(&s, 3, 0, false); /* there may be more */
	assert_int_equal(lacks(&s, 1), 1);
	hear_ack(&s, 3, 3, true);
	assert_int_equal(lacks(&s, 2), 0);
	expunge(&h, 3);
	take_all(&s, &h);
	assert_int_equal(lacks(&s, 3), 0);
	history_free(&h);
	release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_we_say_counts_until_the_peer_can_know),
		T(what_is_kept_stays_though_nothing_is_said_of_it),
		T(what_no_living_mail_has_is_cancelled),
		T(what_was_handed_over_says_by_what),
		T(of_what_is_held_a_preview_may_be_under_way_or_there),
		T(a_peer_that_is_forgotten_has_nothing_held),
		T(a_peer_has_what_it_does_not_want_once_it_has_said_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
