/* What lies in the store of a state that joins, and what has to come whole. */
#include "twostates.h"

#include "inventory.h"
#include "joining.h"

#define PEER 77
#define T(name) cmocka_unit_test(name)

static struct site joining(void)
{
	struct err err = ERR_INIT;
	struct site s = fresh(SELF);

	done(replica_begin(s.r, &err), &err);
	done(joining_begin(s.r, 1000, &err), &err);
	return s;
}

static struct inventory_mail some_mail(uint32_t uid, const char *base)
{
	return (struct inventory_mail){.uidvalidity = 4000000000u,
		.uid = uid,
		.guid = "its guid",
		.mail = {base, 1234, 1795303760, {{9, 8, 7}}}};
}

static void add(struct site *s, uint32_t uid, const char *base)
{
	struct inventory_mail m = some_mail(uid, base);
	struct err err = ERR_INIT;

	done(inventory_add(s->r, &m, &err), &err);
}

static void a_mail_is_found_by_its_place(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct site s = joining();
	struct err err = ERR_INIT;
	struct inventory_mail m;

	(void)state;
	assert_int_equal(inventory_holds(s.r, 0, &err), 0);
	assert_int_equal(joining_in_brief(s.r, PEER, 1, &err), 0);
	add(&s, UINT32_MAX, "the first");
	add(&s, UINT32_MAX, "the second");
	assert_int_equal(inventory_holds(s.r, 1, &err), 1);
	assert_int_equal(joining_in_brief(s.r, PEER, 1, &err), 1);
	assert_int_equal(joining_in_brief(s.r, PEER, 2, &err), 0);
	add(&s, 5, "the third");
	assert_int_equal(joining_in_brief(s.r, PEER, 2, &err), 1);
	assert_int_equal(
		inventory_get(s.r, 4000000000u, 1, &arena, &m, &err), 1);
	assert_int_equal(
		inventory_get(s.r, 1, UINT32_MAX, &arena, &m, &err), 1);
	done(inventory_get(s.r, 4000000000u, UINT32_MAX, &arena, &m, &err),
		&err);
	assert_string_equal(m.mail.base, "the first");
	assert_string_equal(m.guid, "its guid");
	assert_int_equal(m.mail.size, 1234);
	assert_int_equal(m.mail.mtime, 1795303760);
	assert_int_equal(m.mail.hash.b[1], 8);
	release(&s);
}

static void it_ends_with_the_joining(void **state)
{
	struct site s = joining();
	struct err err = ERR_INIT;
	struct whole_run run = {log_id_of(0), 1, 2}, *runs;
	AUTO_ARENA struct arena arena = {0};
	size_t count;

	(void)state;
	add(&s, 1, "base");
	assert_int_equal(inventory_taken(s.r, &err), 0);
	done(inventory_set_taken(s.r, &err), &err);
	assert_int_equal(inventory_taken(s.r, &err), 1);
	done(whole_add(s.r, WHOLE_ASKED, PEER, &run, &err), &err);
	done(whole_add(s.r, WHOLE_OWED, PEER, &run, &err), &err);
	done(joining_end(s.r, &err), &err);
	assert_int_equal(inventory_holds(s.r, 0, &err), 0);
	assert_int_equal(inventory_taken(s.r, &err), 0);
	done(whole_list(s.r, WHOLE_ASKED, PEER, &arena, &runs, &count, &err),
		&err);
	assert_int_equal(count, 0);
	/* What a peer that joins wants of us is none of that. */
	done(whole_list(s.r, WHOLE_OWED, PEER, &arena, &runs, &count, &err),
		&err);
	assert_int_equal(count, 1);
	release(&s);
}

static void runs_that_meet_are_one(void **state)
{
	static const uint64_t lsns[][2] = {
		{5, 9}, {20, 30}, {1, 3}, {10, 12}, {22, 25}, {14, 14}};
	struct site s = joining();
	struct err err = ERR_INIT;
	struct whole_run *runs;
	struct replica_log log;
	AUTO_ARENA struct arena arena = {0};
	size_t count;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(lsns) / sizeof(*lsns); i++) {
		struct whole_run run = {
			log_id_of(1 - i % 2), lsns[i / 2][0], lsns[i / 2][1]};

		done(whole_add(s.r, WHOLE_ASKED, PEER, &run, &err), &err);
	}
	done(whole_list(s.r, WHOLE_ASKED, PEER, &arena, &runs, &count, &err),
		&err);
	assert_int_equal(count, 8);
	for (size_t i = 0; i < 4; i++) {
		static const uint64_t are[][2] = {
			{1, 3}, {5, 12}, {14, 14}, {20, 30}};

		assert_int_equal(runs[i].first, are[i][0]);
		assert_int_equal(runs[i].last, are[i][1]);
		assert_int_equal(runs[4 + i].first, are[i][0]);
	}
	assert_true(log_id_cmp(&runs[3].log, &runs[4].log) < 0);
	/* What is known meanwhile is not asked for. */
	done(replica_log_get(s.r, &runs[0].log, true, &log, &err), &err);
	log.known.lsn = 12;
	done(replica_log_set(s.r, &log, &err), &err);
	done(whole_list(s.r, WHOLE_ASKED, PEER, &arena, &runs, &count, &err),
		&err);
	assert_int_equal(count, 6);
	assert_int_equal(runs[0].first, 14);
	release(&s);
}

static void an_answer_that_lacks_something_is_asked_for_again(void **state)
{
	struct site s = joining();
	struct err err = ERR_INIT;
	struct whole_run run = {log_id_of(0), 3, 4};
	struct position end = {log_id_of(0), 9, 0};
	int64_t asked;

	(void)state;
	add(&s, 1, "base");
	for (int tries = 1; tries <= JOINING_LACKED_MAX; tries++) {
		assert_int_equal(joining_in_brief(s.r, PEER, 1, &err), 1);
		done(joining_note_asked(s.r, PEER, 5, &err), &err);
		done(whole_add(s.r, WHOLE_ASKED, PEER, &run, &err), &err);
		done(joining_hear(s.r, PEER, replica_incarnation(s.r), &end, 1,
			     NULL, 0, 0, true, &err),
			&err);
		assert_int_equal(joining_answered(s.r, PEER, &err), 0);
		done(joining_asked(s.r, PEER, &asked, &err), &err);
		assert_int_equal(asked, 0);
	}
	/* It does not help: all comes whole. */
	assert_int_equal(joining_in_brief(s.r, PEER, 1, &err), 0);
	release(&s);
}

static void what_a_peer_wants_whole_is_forgotten_when_it_asks_anew(void **state)
{
	struct site s = joining();
	struct err err = ERR_INIT;
	struct whole_run run = {log_id_of(0), 3, 4}, *runs;
	struct asker asker = {99, true}, is;
	AUTO_ARENA struct arena arena = {0};
	size_t count;

	(void)state;
	done(whole_add(s.r, WHOLE_OWED, PEER, &run, &err), &err);
	done(asker_set(s.r, PEER, &asker, &err), &err);
	done(asker_get(s.r, PEER, &is, &err), &err);
	assert_true(is.incarnation == 99 && is.brief);
	done(whole_list(s.r, WHOLE_OWED, PEER, &arena, &runs, &count, &err),
		&err);
	assert_int_equal(count, 0);
	release(&s);
}

static void what_a_peers_last_state_had_not_placed_is_owed_whole(void **state)
{
	struct site s = joining();
	struct err err = ERR_INIT;
	struct asker asker = {99, true};
	struct whole_run *runs;
	struct replica_log log;
	struct log_id id = log_id_of(0);
	AUTO_ARENA struct arena arena = {0};
	size_t count;

	(void)state;
	done(replica_log_get(s.r, &id, true, &log, &err), &err);
	done(replica_ack_order(s.r, PEER, 98, 5, &err), &err);
	struct replica_ack ack = {log.id, 12, 0, 10};
	done(replica_ack_set(s.r, PEER, &ack, &err), &err);
	done(replica_ack_order(s.r, PEER, 99, 0, &err), &err);
	done(asker_set(s.r, PEER, &asker, &err), &err);
	done(whole_list(s.r, WHOLE_OWED, PEER, &arena, &runs, &count, &err),
		&err);
	assert_int_equal(count, 1);
	assert_int_equal(runs[0].first, 11);
	assert_true(runs[0].last == CHANGE_LSN_MAX);
	/* That of the state before it is not asked for by us. */
	done(whole_list(s.r, WHOLE_ASKED, PEER, &arena, &runs, &count, &err),
		&err);
	assert_int_equal(count, 0);
	release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_mail_is_found_by_its_place),
		T(it_ends_with_the_joining),
		T(runs_that_meet_are_one),
		T(an_answer_that_lacks_something_is_asked_for_again),
		T(what_a_peer_wants_whole_is_forgotten_when_it_asks_anew),
		T(what_a_peers_last_state_had_not_placed_is_owed_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
