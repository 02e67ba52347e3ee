/*
 * Which logs may be passed on to a peer, and what it says of them.
 */
#include "relayed.h"

#include "spoken.h"
#include "twostates.h"
#include "viewed.h"

#define PEER 3u

struct passing {
	struct site s;
	struct history h;
};

static void begin(struct passing *p)
{
	history_begin(&p->h);
	for (size_t i = 0; i < FOLDERS; i++)
		save(&p->h, i);
	p->s = fresh(SELF);
	take_all(&p->s, &p->h);
}

static void end(struct passing *p)
{
	release(&p->s);
	history_free(&p->h);
}

/* A log with a position, and nothing in it. */
static int64_t known_log(struct passing *p, struct log_id id)
{
	struct err err = ERR_INIT;
	struct replica_log log;

	done(replica_begin(p->s.r, &err), &err);
	done(replica_log_get(p->s.r, &id, true, &log, &err), &err);
	log.known.lsn = 1;
	done(replica_log_set(p->s.r, &log, &err), &err);
	done(replica_commit(p->s.r, &err), &err);
	return log.id;
}

/* How many logs of an origin are passed on to the peer. */
static size_t passed(struct passing *p, uint64_t origin)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct replica_log *logs;
	size_t count, all = 0;

	done(replica_logs(p->s.r, &arena, &logs, &count, &err), &err);
	bool *ret = arena_alloc(&arena, (count + 1) * sizeof(*ret));
	done(relayed_find(p->s.r, PEER, logs, count, ret, &err), &err);
	for (size_t i = 0; i < count; i++)
		all += ret[i] && logs[i].known.log.origin == origin;
	return all;
}

static void of_others_all_is_passed_on(void **state)
{
	struct passing p;

	(void)state;
	begin(&p);
	known_log(&p, (struct log_id){SELF, 5, folders[1]});
	known_log(&p, (struct log_id){PEER, 5, folders[1]});
	known_log(&p, (struct log_id){9, 5, folders[1]});
	assert_int_equal(passed(&p, HOME), FOLDERS + 1);
	assert_int_equal(passed(&p, 9), 1);
	/* Not what we wrote, for that is handed over, nor what it did. */
	assert_int_equal(passed(&p, SELF), 0);
	assert_int_equal(passed(&p, PEER), 0);
	end(&p);
}

static void what_is_known_in_part_and_what_is_shown_is_not(void **state)
{
	struct err err = ERR_INIT;
	struct passing p;

	(void)state;
	begin(&p);
	/* Views are between two. */
	int64_t part = known_log(&p, (struct log_id){9, 5, view_log_id(SELF)});
	assert_int_equal(passed(&p, 9), 0);
	assert_int_equal(relayed_is_part(p.s.r, 9, &err), 0);
	part = known_log(&p, (struct log_id){9, 5, folders[1]});
	assert_int_equal(passed(&p, 9), 1);
	known_log(&p, (struct log_id){9, 5, folders[2]});
	assert_int_equal(passed(&p, 9), 2);
	done(replica_begin(p.s.r, &err), &err);
	done(relayed_note_part(p.s.r, part, &err), &err);
	done(replica_commit(p.s.r, &err), &err);
	assert_int_equal(relayed_is_part(p.s.r, 9, &err), 1);
	assert_int_equal(passed(&p, 9), 0);
	assert_int_equal(passed(&p, HOME), FOLDERS + 1);
	end(&p);
}

static void what_differs_waits_until_it_does_not(void **state)
{
	struct gap_sums ours = {1, 1}, theirs = {2, 2};
	struct err err = ERR_INIT;
	struct passing p;

	(void)state;
	begin(&p);
	for (uint64_t from = 0; from <= HOME; from += HOME) {
		done(replica_begin(p.s.r, &err), &err);
		done(gap_differs(p.s.r, from, &folders[1], &ours, &theirs, "x",
			     NOW, &err),
			&err);
		done(replica_commit(p.s.r, &err), &err);
		assert_int_equal(passed(&p, HOME), FOLDERS);
		done(replica_begin(p.s.r, &err), &err);
		done(gap_agrees(p.s.r, from, &folders[1], &err), &err);
		done(replica_commit(p.s.r, &err), &err);
		assert_int_equal(passed(&p, HOME), FOLDERS + 1);
	}
	/* Whose site says two things at once, of that nothing goes on. */
	done(replica_begin(p.s.r, &err), &err);
	done(spoken_split(p.s.r, HOME, "two machines", NOW, &err), &err);
	done(replica_commit(p.s.r, &err), &err);
	assert_int_equal(passed(&p, HOME), 0);
	end(&p);
}

static void what_a_peer_takes_is_what_it_said_last(void **state)
{
	struct err err = ERR_INIT;
	struct passing p;

	(void)state;
	begin(&p);
	assert_int_equal(relayed_takes(p.s.r, PEER, &err), 0);
	for (int i = 0; i < 3; i++) {
		done(replica_begin(p.s.r, &err), &err);
		done(relayed_hear(p.s.r, PEER, i != 1, &err), &err);
		done(replica_commit(p.s.r, &err), &err);
		assert_int_equal(relayed_takes(p.s.r, PEER, &err), i != 1);
		assert_int_equal(relayed_takes(p.s.r, 9, &err), 0);
	}
	done(replica_begin(p.s.r, &err), &err);
	done(replica_peer_forget(p.s.r, PEER, &err), &err);
	done(replica_commit(p.s.r, &err), &err);
	assert_int_equal(relayed_takes(p.s.r, PEER, &err), 0);
	end(&p);
}

static void who_handed_over_knows_it_and_forgets_nothing(void **state)
{
	static const uint64_t lsns[] = {5, 3, 9}, durable[] = {5, 5, 9};
	struct err err = ERR_INIT;
	struct replica_ack ack;
	struct passing p;

	(void)state;
	begin(&p);
	int64_t log = known_log(&p, (struct log_id){9, 5, folders[1]});
	for (size_t i = 0; i < 3; i++) {
		done(replica_begin(p.s.r, &err), &err);
		done(relayed_note_knows(p.s.r, PEER, log, lsns[i], &err), &err);
		done(replica_commit(p.s.r, &err), &err);
		done(replica_ack_get(p.s.r, PEER, log, &ack, &err), &err);
		assert_true(ack.durable == durable[i]);
	}
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_others_all_is_passed_on),
		cmocka_unit_test(
			what_is_known_in_part_and_what_is_shown_is_not),
		cmocka_unit_test(what_differs_waits_until_it_does_not),
		cmocka_unit_test(what_a_peer_takes_is_what_it_said_last),
		cmocka_unit_test(who_handed_over_knows_it_and_forgets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
