/* Mail that came too late for its UID: what a receiver says of it, and what its
   home makes of that. */
#include "twostates.h"

#include "late.h"
#include "viewed.h"

#define NEAR 77u /* peers of the home */
#define FAR 78u
#define WORK 1 /* the folder */
#define T(name) cmocka_unit_test(name)

static const uint64_t peers[] = {NEAR, FAR};

static void run_sql(struct site *s, const char *text)
{
	if (sqlite3_exec(replica_db(s->r), text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(replica_db(s->r)));
}

/* Three messages in Work, and one in another folder, placed as they are to be. */
static struct site three(struct history *h, uint64_t origin)
{
	struct site s = fresh(origin);

	history_begin(h);
	for (int i = 0; i < 3; i++)
		save(h, WORK);
	save(h, 2);
	take_all(&s, h);
	run_sql(&s, "UPDATE message SET p_folder = folder, p_base = base,"
		    " p_uid = uid, todo = 0");
	run_sql(&s, "UPDATE folder SET p_uidnext = uidnext");
	return s;
}

static struct dot dot_of(uint64_t lsn)
{
	return (struct dot){log_id_of(WORK), lsn};
}

static int64_t row_of(struct site *s, uint64_t lsn)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	struct dot dot = dot_of(lsn);

	assert_int_equal(
		replica_message_by_dot(s->r, &dot, &arena, &m, NULL), 0);
	return m.id;
}

/* A peer has applied the folder up to lsn. */
static void applied(struct site *s, uint64_t peer, uint64_t lsn)
{
	struct log_id id = log_id_of(WORK);
	struct replica_log log;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_log_get(s->r, &id, false, &log, &err), &err);
	struct replica_ack ack = {log.id, 3, 0, lsn};
	done(replica_ack_set(s->r, peer, &ack, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

/* It says that one message, which was to have `uid`, came late there. */
static void says(struct site *s, uint64_t peer, uint64_t lsn, uint32_t uid,
	uint32_t uidnext)
{
	struct late late = {folders[WORK], uidnext, dot_of(lsn), uid};
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(late_hear(s->r, peer, &late, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

static struct late_due due_of(
	struct site *s, uint32_t next, struct arena *arena)
{
	struct late_due due;
	struct err err = ERR_INIT;

	done(late_due(s->r, folder_of(s, WORK), next, peers, 2, arena, &due,
		     &err),
		&err);
	return due;
}

/* How many are due; and the UID to begin with. */
static size_t due_count(struct site *s, uint32_t next, uint32_t *ret_uidnext)
{
	AUTO_ARENA struct arena arena = {0};
	struct late_due due = due_of(s, next, &arena);

	*ret_uidnext = due.uidnext;
	return due.count;
}

static size_t told(struct site *s, uint64_t home, struct late *ret)
{
	AUTO_ARENA struct arena arena = {0};
	struct late *list;
	size_t count;
	struct err err = ERR_INIT;

	done(late_here(s->r, home, 2, &arena, &list, &count, &err), &err);
	for (size_t i = 0; i < count; i++)
		ret[i] = list[i];
	return count;
}

static void the_home_is_told_what_lies_under_another_uid(void **state)
{
	struct history h;
	struct late late[2];
	struct site s = three(&h, SELF);

	(void)state;
	assert_int_equal(told(&s, HOME, late), 0);
	run_sql(&s, "UPDATE message SET p_uid = 7, todo = 2 WHERE uid = 2");
	/* As long as it may be given in order it is not late. */
	run_sql(&s, "UPDATE folder SET p_uidnext = 2");
	assert_int_equal(told(&s, HOME, late), 0);
	run_sql(&s, "UPDATE folder SET p_uidnext = 8");
	assert_int_equal(told(&s, HOME, late), 1);
	assert_true(id_equal(&late[0].folder, &folders[WORK]));
	struct dot dot = dot_of(2);
	assert_int_equal(dot_cmp(&late[0].dot, &dot), 0);
	assert_int_equal(late[0].uid, 2);
	assert_int_equal(late[0].uidnext, 8);
	/* Others are not, nor is the home told more than it can take. */
	assert_int_equal(told(&s, SELF, late), 0);
	run_sql(&s, "UPDATE message SET p_uid = 9 + uid, todo = 2");
	run_sql(&s, "UPDATE folder SET p_uidnext = 20");
	assert_int_equal(told(&s, HOME, late), 2);
	assert_true(late[0].uid == 1 && late[1].uid <= 2);
	history_free(&h);
	release(&s);
}

/* Record what is known of a message, and what else lies there now. */
static int64_t look_again(struct site *s, uint64_t lsn, const char *letters)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	struct dot dot = dot_of(lsn);
	struct err err = ERR_INIT;

	done(replica_message_by_dot(s->r, &dot, &arena, &m, &err), &err);
	m.p_ino++;
	m.p_letters = letters;
	done(replica_begin(s->r, &err), &err);
	done(replica_message_place(s->r, &m, true, &err), &err);
	done(replica_commit(s->r, &err), &err);
	done(replica_message_get(s->r, m.id, &arena, &m, &err), &err);
	return m.todo;
}

static void it_is_late_whoever_looks_at_its_file(void **state)
{
	struct history h;
	struct late late[2];
	struct site s = three(&h, SELF);

	(void)state;
	run_sql(&s, "UPDATE message SET p_uid = 7, todo = 2 WHERE uid = 2");
	run_sql(&s, "UPDATE folder SET p_uidnext = 8");
	assert_int_equal(look_again(&s, 2, ""), 2);
	assert_int_equal(told(&s, HOME, late), 1);
	assert_int_equal(look_again(&s, 2, "S"), 1); /* to be placed */
	assert_int_equal(look_again(&s, 2, ""), 1);
	assert_int_equal(look_again(&s, 1, ""), 0);
	history_free(&h);
	release(&s);
}

static void it_is_due_when_all_peers_have_placed_it(void **state)
{
	struct history h;
	struct site s = three(&h, HOME);
	uint32_t next;

	(void)state;
	applied(&s, NEAR, 3);
	says(&s, NEAR, 2, 2, 4);
	assert_int_equal(due_count(&s, 4, &next), 0);
	assert_int_equal(next, 0); /* and UIDNEXT is not lower here */
	applied(&s, FAR, 1);
	assert_int_equal(due_count(&s, 4, &next), 0);
	applied(&s, FAR, 3);
	assert_int_equal(due_count(&s, 4, &next), 1);
	assert_int_equal(next, 4);
	assert_int_equal(due_count(&s, 6, &next), 1);
	assert_int_equal(next, 6);
	history_free(&h);
	release(&s);
}

static void uidnext_is_above_what_a_peer_may_have_given(void **state)
{
	struct history h;
	struct site s = three(&h, HOME);
	uint32_t next;

	(void)state;
	/* One may be late there, too: two are not known to be applied. */
	applied(&s, NEAR, 1);
	says(&s, NEAR, 1, 1, 9);
	assert_int_equal(due_count(&s, 4, &next), 0);
	assert_int_equal(next, 11);
	assert_int_equal(due_count(&s, 11, &next), 0);
	assert_int_equal(next, 0);
	history_free(&h);
	release(&s);
}

static void they_are_due_in_the_order_that_they_had(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct history h;
	struct site s = three(&h, HOME);

	(void)state;
	applied(&s, NEAR, 3);
	applied(&s, FAR, 3);
	says(&s, FAR, 3, 3, 4);
	says(&s, NEAR, 1, 1, 4);
	says(&s, NEAR, 3, 3, 4);
	struct late_due due = due_of(&s, 4, &arena);
	assert_int_equal(due.count, 2);
	assert_true(due.messages[0] == row_of(&s, 1));
	assert_true(due.messages[1] == row_of(&s, 3));
	history_free(&h);
	release(&s);
}

static void who_is_not_shown_the_folder_is_not_waited_for(void **state)
{
	struct history h;
	struct site s = three(&h, HOME);
	uint32_t next;

	(void)state;
	applied(&s, NEAR, 3);
	says(&s, NEAR, 2, 2, 4);
	assert_int_equal(due_count(&s, 4, &next), 0);
	char hex[ID_HEX];
	id_hex(&folders[WORK], hex);
	AUTO_FREE char *text = mem_printf(
		"INSERT INTO view VALUES(%u, 1, x'%s', 1, 0, 0)", FAR, hex);
	run_sql(&s, text);
	assert_int_equal(due_count(&s, 4, &next), 1);
	history_free(&h);
	release(&s);
}

static void what_is_not_so_or_no_more_says_nothing(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct history h;
	struct site s = three(&h, HOME);
	struct late late = {folders[2], 9, dot_of(2), 2};
	struct err err = ERR_INIT;
	int64_t *rows;
	size_t count;
	uint32_t next;

	(void)state;
	applied(&s, NEAR, 3);
	applied(&s, FAR, 3);
	says(&s, NEAR, 2, 1, 9);		       /* another UID */
	says(&s, NEAR, 99, 2, 9);		       /* no such dot */
	done(late_hear(s.r, NEAR, &late, &err), &err); /* another folder */
	late.folder = (struct id128){{99}};
	done(late_hear(s.r, NEAR, &late, &err), &err);
	done(late_folders(s.r, &arena, &rows, &count, &err), &err);
	assert_int_equal(count, 0);
	assert_int_equal(due_count(&s, 4, &next), 0);
	assert_int_equal(next, 0);
	/* It was so, and was expunged, or has another UID since. */
	says(&s, NEAR, 1, 1, 9);
	says(&s, NEAR, 2, 2, 9);
	assert_int_equal(due_count(&s, 4, &next), 2);
	run_sql(&s, "UPDATE message SET dead = 1 WHERE uid = 1");
	run_sql(&s, "UPDATE message SET uid = 4 WHERE uid = 2");
	assert_int_equal(due_count(&s, 5, &next), 0);
	assert_int_equal(next, 0);
	history_free(&h);
	release(&s);
}

static void a_peer_says_each_time_all_that_is_late(void **state)
{
	struct history h;
	struct site s = three(&h, HOME);
	struct err err = ERR_INIT;
	uint32_t next;

	(void)state;
	applied(&s, NEAR, 3);
	applied(&s, FAR, 3);
	says(&s, NEAR, 1, 1, 4);
	says(&s, FAR, 2, 2, 4);
	done(late_forget(s.r, NEAR, &err), &err);
	assert_int_equal(due_count(&s, 4, &next), 1);
	/* Who is no peer, or is one-way, has no say. */
	says(&s, 99, 1, 1, 4);
	assert_int_equal(due_count(&s, 4, &next), 1);
	done(replica_peer_forget(s.r, FAR, &err), &err);
	assert_int_equal(due_count(&s, 4, &next), 0);
	history_free(&h);
	release(&s);
}

static void no_word_of_a_peer_uses_up_the_uids(void **state)
{
	struct history h;
	struct site s = three(&h, HOME);
	uint32_t next, at = 4, part = (LATE_UID_MAX - 4) / LATE_PART;

	(void)state;
	applied(&s, NEAR, 3);
	applied(&s, FAR, 3);
	says(&s, NEAR, 1, 1, 4 + part);
	assert_int_equal(due_count(&s, 4, &next), 1);
	assert_int_equal(next, 4 + part);
	says(&s, NEAR, 1, 1, 5 + part);
	assert_int_equal(due_count(&s, 4, &next), 0);
	assert_int_equal(next, 0);
	says(&s, NEAR, 1, 1, UINT32_MAX);
	assert_int_equal(due_count(&s, 4, &next), 0);
	assert_int_equal(due_count(&s, UINT32_MAX - 9, &next), 0);
	assert_int_equal(next, 0);
	/* As much as it may, time and again. */
	for (int i = 0; i < 100000; i++)
		at += (LATE_UID_MAX - at) / LATE_PART;
	assert_true(at < LATE_UID_MAX);
	says(&s, NEAR, 1, 1, at);
	assert_int_equal(due_count(&s, at, &next), 1);
	assert_true(next <= LATE_UID_MAX);
	says(&s, NEAR, 1, 1, LATE_UID_MAX);
	assert_int_equal(due_count(&s, LATE_UID_MAX, &next), 0);
	history_free(&h);
	release(&s);
}

static void a_message_gets_another_uid_so_often_and_no_more(void **state)
{
	struct history h;
	struct site s = three(&h, HOME);
	struct err err = ERR_INIT;
	uint32_t next, before = 0;

	(void)state;
	applied(&s, NEAR, 3);
	applied(&s, FAR, 3);
	says(&s, NEAR, 1, 1, 100);
	for (int i = 0; i < LATE_TIMES; i++) {
		assert_int_equal(due_count(&s, 4, &next), 1);
		assert_true(next > before); /* with more room each time */
		before = next;
		done(late_done(s.r, row_of(&s, 1), &err), &err);
	}
	assert_int_equal(due_count(&s, 4, &next), 0);
	assert_int_equal(next, 0);
	history_free(&h);
	release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_home_is_told_what_lies_under_another_uid),
		T(it_is_late_whoever_looks_at_its_file),
		T(it_is_due_when_all_peers_have_placed_it),
		T(uidnext_is_above_what_a_peer_may_have_given),
		T(they_are_due_in_the_order_that_they_had),
		T(who_is_not_shown_the_folder_is_not_waited_for),
		T(what_is_not_so_or_no_more_says_nothing),
		T(a_peer_says_each_time_all_that_is_late),
		T(no_word_of_a_peer_uses_up_the_uids),
		T(a_message_gets_another_uid_so_often_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
