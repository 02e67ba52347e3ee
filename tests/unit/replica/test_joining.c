/* What peers answer a state that joins, and when that is all. */
#include "twostates.h"

#include "joining.h"

#define PEER 77
#define T(name) cmocka_unit_test(name)

/* The value of what did not fail. */
static int ok(int rc, const struct err *err)
{
	done(rc < 0 ? rc : 0, err);
	return rc;
}

static struct position at(uint64_t incarnation, uint64_t lsn)
{
	return (struct position){{SELF, incarnation, ID_INBOX}, lsn, 0};
}

static struct site joining(void)
{
	struct err err = ERR_INIT;
	struct site s = fresh(SELF);

	done(replica_begin(s.r, &err), &err);
	done(joining_begin(s.r, 1000, &err), &err);
	return s;
}

static void answer(struct site *s, uint64_t incarnation,
	const struct position *positions, size_t count,
	const struct id128 *gone, size_t gone_count, bool last)
{
	struct err err = ERR_INIT;

	done(joining_hear(s->r, PEER, incarnation, positions, count, gone,
		     gone_count, 2, last, &err),
		&err);
}

static bool answered(struct site *s)
{
	struct err err = ERR_INIT;

	return ok(joining_answered(s->r, PEER, &err), &err);
}

static void know(struct site *s, const struct position *p)
{
	struct replica_log log;
	struct err err = ERR_INIT;

	done(replica_log_get(s->r, &p->log, true, &log, &err), &err);
	log.known = *p;
	done(replica_log_set(s->r, &log, &err), &err);
}

static void an_answer_is_complete_when_all_of_it_is_here(void **state)
{
	struct site s = joining();
	uint64_t self = replica_incarnation(s.r);
	struct position end[] = {at(4, 9), at(5, 3)};
	const struct id128 gone[] = {{{1}}, {{2}}};

	(void)state;
	assert_false(answered(&s));
	answer(&s, self, end, 2, gone, 1, false);
	assert_false(answered(&s));
	answer(&s, self, NULL, 0, NULL, 0, true);
	know(&s, &end[0]);
	know(&s, &end[1]);
	assert_false(answered(&s)); /* one expunged mail was not named */
	answer(&s, self, NULL, 0, gone, 2, true);
	assert_true(answered(&s));
	end[1].lsn++;
	answer(&s, self, end, 2, NULL, 0, true);
	assert_false(answered(&s)); /* a log is not known as far */
	know(&s, &end[1]);
	assert_true(answered(&s));
	release(&s);
}

static void what_is_for_another_incarnation_is_ignored(void **state)
{
	struct site s = joining();

	(void)state;
	answer(&s, replica_incarnation(s.r) + 1, NULL, 0, NULL, 0, true);
	assert_false(answered(&s));
	release(&s);
}

static void what_an_earlier_joining_heard_is_forgotten(void **state)
{
	const struct id128 gone[] = {{{1}}, {{2}}};
	struct site s = joining();
	struct err err = ERR_INIT;
	int64_t since;

	(void)state;
	answer(&s, replica_incarnation(s.r), NULL, 0, gone, 2, true);
	assert_int_equal(ok(joining_gone(s.r, &gone[0], &err), &err), 1);
	assert_true(answered(&s));
	done(joining_end(s.r, &err), &err);
	done(joining_since(s.r, &since, &err), &err);
	assert_int_equal(since, 0);
	assert_int_equal(ok(joining_gone(s.r, &gone[0], &err), &err), 0);
	done(joining_begin(s.r, 1001, &err), &err);
	assert_false(answered(&s));
	release(&s);
}

/* What a living dot's mail is now. */
static struct id128 content_of(struct site *s, const struct dot *dot)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct replica_message m;

	done(replica_message_by_dot(s->r, dot, &arena, &m, &err), &err);
	return content_id(m.base, m.size, &m.hash);
}

static bool is_gone(struct site *s, const struct id128 *content)
{
	struct err err = ERR_INIT;

	return ok(joining_gone(s->r, content, &err), &err);
}

/* So many are named to a peer that joins. */
static void assert_listed(struct site *s, size_t expected)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct id128 *gone;
	uint64_t total;
	size_t count;

	done(gone_list(s->r, 1, NULL, 10, &arena, &gone, &count, &err), &err);
	done(gone_count(s->r, 1, &total, &err), &err);
	assert_int_equal(count, expected);
	assert_int_equal(total, expected);
}

static void an_expunged_mail_is_known_by_its_content(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct site home = fresh(HOME);
	struct err err = ERR_INIT;
	struct replica_message m;
	struct history h;
	struct id128 *gone;
	size_t count;
	uint64_t total;

	(void)state;
	history_begin(&h);
	struct dot dot = save(&h, 0).dot;
	save(&h, 0);
	take_all(&home, &h);
	done(replica_message_by_dot(home.r, &dot, &arena, &m, &err), &err);
	struct id128 content = content_id(m.base, m.size, &m.hash);
	done(gone_list(home.r, 1, NULL, 10, &arena, &gone, &count, &err), &err);
	assert_int_equal(count, 0);
	struct change c = change_blank(CHANGE_EXPUNGE);
	c.dot = dot;
	put(&h, 0, &c);
	take_all(&home, &h);
	done(gone_list(home.r, 1, NULL, 10, &arena, &gone, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_true(id_equal(&gone[0], &content));
	done(gone_count(home.r, 1, &total, &err), &err);
	assert_int_equal(total, 1);
	done(gone_list(home.r, 1, &content, 10, &arena, &gone, &count, &err),
		&err);
	assert_int_equal(count, 0);
	history_free(&h);
	release(&home);
}

/* Of a mail that lives its births are told: what is between is gone. */
static void so_is_what_it_was_called_before_it_was_moved(void **state)
{
	struct site home = fresh(HOME);
	struct change is;
	struct history h;

	(void)state;
	history_begin(&h);
	is = save(&h, 0);
	struct dot dot = is.dot;
	take_all(&home, &h);
	struct id128 born = content_of(&home, &dot);
	/* Another name, another folder, and the second name again there. */
	static const char *const names[] = {"1.a", "2.b", "3.c", "3.c"};
	for (size_t i = 0; i < 4; i++) {
		struct change c = change_blank(CHANGE_MOVE);

		c.dot = dot;
		c.base = names[i];
		c.size = is.size;
		c.hash = is.hash;
		put(&h, i == 1 || i == 3, &c);
	}
	take_all(&home, &h);
	struct id128 a = content_id("1.a", is.size, &is.hash);
	struct id128 b = content_id("2.b", is.size, &is.hash);
	struct id128 last = content_of(&home, &dot);
	assert_true(is_gone(&home, &a));
	assert_true(is_gone(&home, &b));
	assert_false(is_gone(&home, &last));
	assert_false(is_gone(&home, &born));
	assert_listed(&home, 2);
	struct change c = change_blank(CHANGE_EXPUNGE);
	c.dot = dot;
	put(&h, 1, &c);
	take_all(&home, &h);
	assert_true(is_gone(&home, &a) && is_gone(&home, &b));
	assert_true(is_gone(&home, &last));
	assert_true(is_gone(&home, &born));
	assert_listed(&home, 4);
	history_free(&h);
	release(&home);
}

/* Whichever of its names came first, and was given up by which dot. */
static void names_of_what_became_one_are_all_known(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct site home = fresh(HOME);
		struct change is;
		struct history h;

		history_begin(&h);
		is = save(&h, 0);
		struct dot first = is.dot;
		take_all(&home, &h);
		struct id128 born = content_of(&home, &first);
		struct change c = change_blank(CHANGE_MOVE);
		c.dot = first;
		c.base = "1.a";
		c.size = is.size;
		c.hash = is.hash;
		if (early)
			put(&h, 0, &c);
		c = change_blank(CHANGE_COPY);
		c.base = "2.b";
		c.size = is.size;
		c.hash = is.hash;
		struct dot copy = put(&h, 1, &c)->dot;
		c = change_blank(CHANGE_MOVE);
		c.dot = first;
		c.source = copy;
		c.base = "2.b";
		c.size = is.size;
		c.hash = is.hash;
		put(&h, 1, &c);
		take_all(&home, &h);
		assert_listed(&home, (size_t)early);
		for (int i = 0; i < 2; i++) {
			c = change_blank(CHANGE_EXPUNGE);
			c.dot = i ? first : copy;
			put(&h, 1, &c);
		}
		take_all(&home, &h);
		assert_true(is_gone(&home, &born));
		struct id128 a = content_id("1.a", is.size, &is.hash);
		struct id128 b = content_id("2.b", is.size, &is.hash);
		assert_true(is_gone(&home, &b));
		assert_int_equal(is_gone(&home, &a), early);
		assert_listed(&home, 2 + (size_t)early);
		history_free(&h);
		release(&home);
	}
}

static void what_was_moved_on_is_known_where_it_was_born(void **state)
{
	struct site home = fresh(HOME);
	struct err err = ERR_INIT;
	struct change is;
	struct history h;

	(void)state;
	history_begin(&h);
	is = save(&h, 0);
	struct dot dot = is.dot;
	take_all(&home, &h);
	const char *born = h.logs[0].items[0].base;
	assert_int_equal(joining_moved_on(home.r, 1, born, &is.hash, &err), 0);
	struct change c = change_blank(CHANGE_MOVE);
	c.dot = dot;
	c.base = born;
	c.size = is.size;
	c.hash = is.hash;
	put(&h, 1, &c);
	take_all(&home, &h);
	assert_int_equal(joining_moved_on(home.r, 1, born, &is.hash, &err), 1);
	assert_int_equal(joining_moved_on(home.r, 2, born, &is.hash, &err), 0);
	assert_int_equal(
		joining_moved_on(home.r, 1, "other", &is.hash, &err), 0);
	is.hash.b[0]++;
	assert_int_equal(joining_moved_on(home.r, 1, born, &is.hash, &err), 0);
	history_free(&h);
	release(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_answer_is_complete_when_all_of_it_is_here),
		T(what_is_for_another_incarnation_is_ignored),
		T(what_an_earlier_joining_heard_is_forgotten),
		T(an_expunged_mail_is_known_by_its_content),
		T(so_is_what_it_was_called_before_it_was_moved),
		T(names_of_what_became_one_are_all_known),
		T(what_was_moved_on_is_known_where_it_was_born),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
