/* Whether what a peer says is of one machine and one history. */
#include "twostates.h"

#include "gaps.h"
#include "spoken.h"

#define T(name) cmocka_unit_test(name)
#define PEER 77
#define ACCOUNT_LOG(incarnation)                                               \
	((struct log_id){PEER, incarnation, ID_ACCOUNT})

enum { OLD = 4, NEW = 5 };

static uint64_t count(uint64_t number, uint32_t lot)
{
	return spoken_next((number - 1) << SPOKEN_MARK_BITS, lot);
}

/* In a transaction of its own, as a parcel is taken: what fails is undone. */
static int within(struct site *s,
	int (*call)(struct site *s, uint64_t a, uint64_t b, struct err *err),
	uint64_t a, uint64_t b)
{
	struct err err = ERR_INIT;
	int rc;

	done(replica_begin(s->r, &err), &err);
	rc = call(s, a, b, &err);
	if (rc >= 0)
		done(replica_commit(s->r, &err), &err);
	replica_rollback(s->r);
	return rc;
}

static int hear_it(struct site *s, uint64_t a, uint64_t b, struct err *err)
{
	int rc = spoken_hear(s->r, PEER, a, b, err);

	return rc == 0 ? replica_ack_order(s->r, PEER, a, b, err) : rc;
}

static int ask_it(struct site *s, uint64_t a, uint64_t b, struct err *err)
{
	int rc = spoken_asks(s->r, PEER, a, err);

	(void)b;
	if (rc == 0)
		done(replica_ack_order(s->r, PEER, a, 0, err), err);
	return rc;
}

static int split_it(struct site *s, uint64_t a, uint64_t b, struct err *err)
{
	(void)a;
	(void)b;
	return spoken_split(s->r, PEER, "why", 7, err);
}

static int says(
	struct site *s, uint64_t incarnation, uint64_t number, uint32_t lot)
{
	return within(s, hear_it, incarnation, count(number, lot));
}

static int asks(struct site *s, uint64_t incarnation)
{
	return within(s, ask_it, incarnation, 0);
}

/* One change of the peer's account log is known, perhaps a BEGIN that goes on
   from the end of another. */
static int log_it(struct site *s, uint64_t incarnation, uint64_t goes_on_from,
	struct err *err)
{
	struct log_id id = ACCOUNT_LOG(incarnation);
	struct replica_log log;
	struct change c = change_blank(CHANGE_BEGIN);
	int rc = replica_log_get(s->r, &id, true, &log, err);

	log.known.lsn = 1;
	if (rc >= 0)
		rc = replica_log_set(s->r, &log, err);
	c.by.log = id;
	c.by.lsn = 1;
	c.by.stamp = STAMP_OF(9000, 0);
	c.end.log = ACCOUNT_LOG(goes_on_from);
	c.end.lsn = 1;
	return rc < 0 || !goes_on_from ? rc : replica_apply(s->r, &c, err);
}

static int one_line(struct site *s)
{
	struct err err = ERR_INIT;

	return spoken_is_one_line(s->r, PEER, &err);
}

static int check(struct site *s)
{
	struct err err = ERR_INIT;

	return spoken_check(s->r, PEER, &err);
}

static void the_same_word_twice_says_nothing_new(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(says(&s, OLD, 1, 8), 0);
	assert_int_equal(says(&s, OLD, 2, 9), 0);
	assert_int_equal(says(&s, OLD, 1, 8), 1);
	assert_int_equal(says(&s, OLD, 2, 9), 1);
	release(&s);
}

static void one_number_with_two_marks_is_of_two_machines(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(says(&s, OLD, 1, 8), 0);
	assert_int_equal(says(&s, OLD, 2, 9), 0);
	assert_int_equal(says(&s, OLD, 1, 7), ERR_CONFLICT);
	release(&s);
}

static void two_that_speak_by_turns_are_two_machines(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(says(&s, OLD, 1, 8), 0);
	assert_int_equal(says(&s, NEW, 1, 8), 0);
	assert_int_equal(says(&s, OLD, 1, 8), 1);
	assert_int_equal(says(&s, OLD, 2, 8), ERR_CONFLICT);
	release(&s);
}

static void what_an_incarnation_said_before_the_next_may_be_late(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(says(&s, OLD, 1, 8), 0);
	assert_int_equal(says(&s, NEW, 3, 8), 0);
	assert_int_equal(says(&s, OLD, 2, 8), 1);
	assert_int_equal(says(&s, NEW, 4, 8), 0);
	release(&s);
}

static void behind_one_that_asked_it_is_late_once(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(says(&s, OLD, 1, 8), 0);
	assert_int_equal(asks(&s, NEW), 0);
	assert_int_equal(says(&s, OLD, 2, 8), 1);
	assert_int_equal(says(&s, NEW, 1, 8), 0);
	assert_int_equal(says(&s, OLD, 3, 8), ERR_CONFLICT);
	release(&s);
}

static void who_is_over_and_asks_again_and_again_is_there(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(asks(&s, OLD), 0);
	assert_int_equal(asks(&s, OLD), 0);
	assert_int_equal(asks(&s, NEW), 0);
	assert_int_equal(asks(&s, OLD), 1);
	assert_int_equal(asks(&s, OLD), 1);
	assert_int_equal(asks(&s, OLD), ERR_CONFLICT);
	release(&s);
}

static int write_it(
	struct site *s, uint64_t incarnation, uint64_t lsn, struct err *err)
{
	struct log_id id = {PEER, incarnation, ID_INBOX};
	struct replica_log log;
	int rc = replica_log_get(s->r, &id, true, &log, err);

	log.known.lsn = lsn;
	return rc < 0 ? rc : replica_log_set(s->r, &log, err);
}

static void who_has_joined_and_asks_again_and_again_is_two(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(asks(&s, NEW), 0);
	assert_int_equal(asks(&s, NEW), 0);
	assert_int_equal(within(&s, write_it, NEW, 3), 0);
	assert_int_equal(asks(&s, NEW), 1);
	assert_int_equal(asks(&s, NEW), 1);
	assert_int_equal(asks(&s, NEW), ERR_CONFLICT);
	release(&s);
}

static void only_one_incarnation_begins_by_itself(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(within(&s, log_it, OLD, 0), 0);
	assert_int_equal(one_line(&s), 0);
	assert_int_equal(within(&s, log_it, NEW, 0), 0);
	assert_int_equal(one_line(&s), ERR_CONFLICT);
	release(&s);
}

static void two_that_go_on_from_one_are_two_machines(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(within(&s, log_it, OLD, 0), 0);
	assert_true(within(&s, log_it, NEW, OLD) >= 0);
	assert_int_equal(one_line(&s), 0);
	/* It lost its state and asked. */
	assert_int_equal(asks(&s, NEW + 1), 0);
	assert_true(within(&s, log_it, NEW + 1, OLD) >= 0);
	assert_int_equal(one_line(&s), 0);
	assert_true(within(&s, log_it, NEW + 2, OLD) >= 0);
	assert_int_equal(one_line(&s), ERR_CONFLICT);
	release(&s);
}

static void one_that_says_whence_or_that_asked_goes_on(void **state)
{
	struct log_id old = ACCOUNT_LOG(OLD);
	struct err err = ERR_INIT;
	struct site s = fresh(SELF);
	int64_t since;

	(void)state;
	assert_int_equal(within(&s, log_it, OLD, 0), 0);
	assert_int_equal(spoken_is_current(s.r, PEER, OLD, &err), 1);
	assert_true(within(&s, log_it, NEW, OLD) >= 0);
	assert_int_equal(one_line(&s), 0);
	assert_int_equal(spoken_is_current(s.r, PEER, OLD, &err), 0);
	assert_int_equal(spoken_is_current(s.r, PEER, NEW, &err), 1);
	done(spoken_over_since(s.r, &old, &since, &err), &err);
	assert_int_equal(since, 9000);
	assert_int_equal(asks(&s, NEW + 1), 0);
	assert_int_equal(within(&s, log_it, NEW + 1, 0), 0);
	assert_int_equal(one_line(&s), 0);
	release(&s);
}

static void one_gap(struct site *s, struct gap *ret)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct gap *gaps;
	size_t gap_count;

	done(gap_list(s->r, NULL, 0, &arena, &gaps, &gap_count, &err), &err);
	assert_int_equal(gap_count, 1);
	*ret = gaps[0];
	assert_int_equal(ret->kind, GAP_SPLIT);
	assert_true(ret->peer == PEER);
	assert_string_equal(ret->reason, "why");
	ret->reason = NULL; /* it goes with the arena */
}

static int accept_it(struct site *s, uint64_t a, uint64_t b, struct err *err)
{
	struct gap gap;

	(void)a;
	(void)b;
	one_gap(s, &gap);
	return gap_accept(s->r, &gap, err);
}

static void nothing_is_taken_until_it_begins_anew_and_asks(void **state)
{
	struct site s = fresh(SELF);
	struct gap gap;

	(void)state;
	assert_int_equal(says(&s, OLD, 1, 8), 0);
	assert_int_equal(check(&s), 0);
	assert_int_equal(within(&s, split_it, 0, 0), 0);
	assert_int_equal(check(&s), ERR_CONFLICT);
	one_gap(&s, &gap);
	assert_int_equal(asks(&s, OLD), 0);
	assert_int_equal(check(&s), ERR_CONFLICT);
	assert_int_equal(asks(&s, NEW), 0);
	assert_int_equal(check(&s), 0);
	release(&s);
}

static void an_operator_says_that_it_is_one(void **state)
{
	struct site s = fresh(SELF);

	(void)state;
	assert_int_equal(says(&s, OLD, 1, 8), 0);
	assert_int_equal(within(&s, log_it, OLD, 0), 0);
	assert_int_equal(within(&s, log_it, NEW, 0), 0);
	assert_int_equal(within(&s, split_it, 0, 0), 0);
	assert_int_equal(within(&s, accept_it, 0, 0), 0);
	assert_int_equal(check(&s), 0);
	assert_int_equal(says(&s, OLD, 1, 9), 0);
	assert_int_equal(one_line(&s), 0);
	assert_int_equal(one_line(&s), 0);
	release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_same_word_twice_says_nothing_new),
		T(one_number_with_two_marks_is_of_two_machines),
		T(two_that_speak_by_turns_are_two_machines),
		T(what_an_incarnation_said_before_the_next_may_be_late),
		T(behind_one_that_asked_it_is_late_once),
		T(who_is_over_and_asks_again_and_again_is_there),
		T(who_has_joined_and_asks_again_and_again_is_two),
		T(only_one_incarnation_begins_by_itself),
		T(two_that_go_on_from_one_are_two_machines),
		T(one_that_says_whence_or_that_asked_goes_on),
		T(nothing_is_taken_until_it_begins_anew_and_asks),
		T(an_operator_says_that_it_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
