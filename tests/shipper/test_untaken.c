/* What lies on a carrier and is not collected is told, in a daemon once. */
#include "untaken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PEER 0xa1u
#define OTHER 0xb2u
#define STRANGER 0xc3u

struct scene {
	struct untaken untaken;
	struct untaken_look look;
	struct carrier_part part;
	struct carrier_item item;
	struct carrier_list list;
	unsigned told, operators;
	char last[300];
};

static void say(void *arg, bool operator, const char * text)
{
	struct scene *s = arg;

	s->told++;
	s->operators += operator;
	snprintf(s->last, sizeof(s->last), "%s", text);
}

static void begin(struct scene *s, uint64_t sender, int64_t patience_ms)
{
	static const uint64_t peers[] = {PEER, OTHER};

	*s = (struct scene){
		.look = {.via = "dir:/usb",
			.peer = PEER,
			.peers = peers,
			.peer_count = 2,
			.now_ms = 1000,
			.patience_ms = patience_ms,
			.say = say},
		.part = {sender, 7, "00a1-07.pb"},
		.item = {.sender = sender, .sequence = 7},
	};
	s->look.arg = s;
	s->list = (struct carrier_list){.items = &s->item, .parts = &s->part};
}

static unsigned told(struct scene *s, int64_t now_ms)
{
	unsigned before = s->told;

	s->look.now_ms = now_ms;
	untaken_round(&s->untaken);
	untaken_tell(&s->untaken, &s->look, &s->list);
	return s->told - before;
}

static void one_run_is_told_what_to_look_at_again(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, PEER, 2000);
	s.list.part_count = 1;
	assert_true(untaken_tell(&s.untaken, &s.look, &s.list));
	s.look.now_ms += 2000;
	assert_false(untaken_tell(&s.untaken, &s.look, &s.list));
	assert_int_equal(s.told, 1);
	assert_non_null(strstr(s.last, "bundle 00a1-07.pb: incomplete"));
	assert_int_equal(s.operators, 0);
	assert_false(untaken_tell(&s.untaken, &s.look, &s.list));
	assert_int_equal(s.told, 1);
	untaken_free(&s.untaken);
}

static void a_daemon_waits_whether_it_is_being_copied_and_tells_once(
	void **state)
{
	struct scene s;

	(void)state;
	begin(&s, PEER, 60000);
	s.list.part_count = 1;
	assert_int_equal(told(&s, 1000), 0);
	assert_int_equal(told(&s, 60999), 0);
	assert_int_equal(told(&s, 61000), 1);
	assert_int_equal(told(&s, 99000), 0);
	/* Gone, it is forgotten: the next of that name has its own time. */
	s.list.part_count = 0;
	assert_int_equal(told(&s, 100000), 0);
	s.list.part_count = 1;
	assert_int_equal(told(&s, 101000), 0);
	assert_int_equal(told(&s, 161000), 1);
	untaken_free(&s.untaken);
}

static void each_part_and_each_carrier_has_its_own_time(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, PEER, 60000);
	s.list.part_count = 1;
	assert_int_equal(told(&s, 1000), 0);
	s.part.sequence = 8;
	assert_int_equal(told(&s, 61000), 0);
	s.look.via = "dir:/other";
	assert_int_equal(told(&s, 121000), 0);
	assert_int_equal(told(&s, 181000), 1);
	untaken_free(&s.untaken);
}

static void parts_of_other_peers_are_told_on_their_own_links(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, OTHER, 0);
	s.list.part_count = 1;
	s.list.count = 1;
	assert_int_equal(told(&s, 1000), 0);
	untaken_free(&s.untaken);
}

static void a_stranger_is_told_once_and_wants_an_operator(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, STRANGER, 60000);
	s.list.count = 1;
	assert_int_equal(told(&s, 1000), 1);
	assert_int_equal(s.operators, 1);
	assert_non_null(strstr(s.last, "sealed by an unknown key"));
	assert_non_null(strstr(s.last, "00000000000000c3"));
	assert_int_equal(told(&s, 2000), 0);
	/* The same carrier serves another peer, too. */
	s.look.peer = OTHER;
	untaken_tell(&s.untaken, &s.look, &s.list);
	assert_int_equal(s.told, 1);
	untaken_free(&s.untaken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_run_is_told_what_to_look_at_again),
		cmocka_unit_test(
			a_daemon_waits_whether_it_is_being_copied_and_tells_once),
		cmocka_unit_test(each_part_and_each_carrier_has_its_own_time),
		cmocka_unit_test(
			parts_of_other_peers_are_told_on_their_own_links),
		cmocka_unit_test(a_stranger_is_told_once_and_wants_an_operator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
