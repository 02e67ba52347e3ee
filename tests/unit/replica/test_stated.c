/*
 * What peers state of folders: compared at one vector, and at no other; and
 * the gaps that come of it.
 */
#include "twostates.h"

#include "hash.h"

/* Behind the back of everything that keeps sums. */
static void edit(struct site *s, const char *text)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	assert_int_equal(sqlite3_exec(replica_db(s->r), text, NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_changes(replica_db(s->r)), 1);
	done(replica_commit(s->r, &err), &err);
}

static struct gap *gaps_of(struct site *s, struct arena *arena, size_t count)
{
	static const uint64_t peers[] = {HOME};
	struct err err = ERR_INIT;
	struct gap *gaps;
	size_t found;

	done(gap_list(s->r, peers, 1, arena, &gaps, &found, &err), &err);
	assert_int_equal(found, count);
	return gaps;
}

static void accept_only_gap(struct site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct gap *gap = gaps_of(s, &arena, 1);

	done(replica_begin(s->r, &err), &err);
	done(gap_accept(s->r, gap, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

/* ---- tests ---- */

struct scene {
	struct site home, here;
	struct history h;
	struct dot dot; /* of a mail in INBOX */
};

static void scene_begin(struct scene *s)
{
	s->home = fresh(HOME);
	s->here = fresh(SELF);
	history_begin(&s->h);
	s->dot = save(&s->h, 0).dot;
	save(&s->h, 0);
	flag(&s->h, 0, &s->dot, "S", "");
	save(&s->h, 1);
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
}

static void scene_end(struct scene *s)
{
	history_free(&s->h);
	release(&s->home);
	release(&s->here);
}

static void flag_everywhere(struct scene *s, const char *add, const char *del)
{
	flag(&s->h, 0, &s->dot, add, del);
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
}

static void sites_that_know_the_same_agree(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	enum stated_owed most;
	struct scene s;

	(void)state;
	scene_begin(&s);
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed, 2);
	assert_int_equal(result.differing, 0);
	gaps_of(&s.here, &arena, 0);
	assert_int_equal(owed(&s.here, &most), 0);
	scene_end(&s);
}

static void a_wrong_register_is_found_with_the_next_change_of_it(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	edit(&s.here, "UPDATE flag SET by_stamp = by_stamp - 65536");
	flag_everywhere(&s, "F", "");
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.differing, 1);
	assert_int_equal(result.agreed, 1); /* the other folder */
	struct gap *gap = gaps_of(&s.here, &arena, 1);
	assert_int_equal(gap->kind, GAP_DIFFERS);
	assert_memory_equal(&gap->folder, &folders[0], 16);
	assert_int_equal(gap->peer, HOME);
	assert_int_equal(gap->since_ms, NOW);
	assert_int_equal(gap->ours.messages, 2);
	assert_int_equal(gap->theirs.messages, 2);
	assert_true(gap->ours.digest != gap->theirs.digest);
	scene_end(&s);
}

/* The mail of folder 1 gets another date behind our back. */
static void spoil(struct scene *s)
{
	edit(&s->here, "UPDATE message SET mtime = 6 WHERE id = 3");
	flag(&s->h, 1, &(struct dot){log_id_of(1), 1}, "F", "");
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
}

static void one_more_mail(struct scene *s)
{
	save(&s->h, 1);
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
}

static void a_known_difference_is_not_found_again_and_keeps_its_age(
	void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	assert_int_equal(hear_of(&s.here, &s.home).differing, 1);
	for (int i = 0; i < 3; i++) {
		one_more_mail(&s);
		struct word w = state_of(&s.home);

		hear(&s.here, &w);
		arena_free(&w.arena);
		assert_int_equal(compare_at(&s.here, LATER).differing, 0);
	}
	struct gap *gap = gaps_of(&s.here, &arena, 1);
	assert_int_equal(gap->since_ms, NOW);
	assert_int_equal(gap->ours.messages, 4);
	scene_end(&s);
}

static void a_difference_is_over_when_the_two_are_equal(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	hear_of(&s.here, &s.home);
	gaps_of(&s.here, &arena, 1);
	/* As a comparison would leave it: the peer's sums. */
	struct word w = state_of(&s.home);
	AUTO_BUF struct buf text = BUF_INIT;
	char hex[33];
	uint8_t digest[16];
	uint64_t messages;
	uint32_t uidnext;

	assert_int_equal(replica_folder_sums(s.home.r, &folders[1], &messages,
				 &uidnext, digest, NULL),
		0);
	hex_encode(digest, sizeof(digest), hex);
	buf_printf(&text,
		"UPDATE folder SET digest = x'%s' WHERE fid = x'03"
		"000000000000000000000000000000'",
		hex);
	edit(&s.here, buf_str(&text));
	hear(&s.here, &w);
	arena_free(&w.arena);
	assert_int_equal(compare(&s.here).agreed, 2);
	gaps_of(&s.here, &arena, 0);
	scene_end(&s);
}

static void an_accepted_difference_is_told_again_only_if_it_is_another(
	void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	hear_of(&s.here, &s.home);
	accept_only_gap(&s.here);
	gaps_of(&s.here, &arena, 0);
	one_more_mail(&s);
	assert_int_equal(hear_of(&s.here, &s.home).differing, 0);
	gaps_of(&s.here, &arena, 0);
	edit(&s.here, "UPDATE message SET mtime = 7 WHERE id = 4");
	flag(&s.h, 1, &(struct dot){log_id_of(1), 3}, "F", "");
	take_all(&s.home, &s.h);
	take_all(&s.here, &s.h);
	struct word w = state_of(&s.home);
	hear(&s.here, &w);
	arena_free(&w.arena);
	assert_int_equal(compare_at(&s.here, LATER).differing, 1);
	assert_int_equal(gaps_of(&s.here, &arena, 1)->since_ms, LATER);
	scene_end(&s);
}

static void nothing_follows_at_another_vector(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	enum stated_owed most;
	struct scene s;

	(void)state;
	scene_begin(&s);
	/* The peer knows more, in another folder. */
	flag(&s.h, 1, &(struct dot){log_id_of(1), 1}, "F", "");
	edit(&s.here, "UPDATE message SET mtime = 6 WHERE id = 1");
	flag(&s.h, 0, &s.dot, "T", "");
	take_all(&s.home, &s.h);
	take(&s.here, &s.h, 0, s.h.logs[0].count, false);
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed + result.differing, 0);
	gaps_of(&s.here, &arena, 0);
	assert_int_equal(owed(&s.here, &most), 2);
	assert_int_equal(most, STATED_ALONG);
	/* The same word, when we know as much. */
	take_all(&s.here, &s.h);
	result = compare(&s.here);
	assert_int_equal(result.agreed, 1);
	assert_int_equal(result.differing, 1);
	assert_int_equal(owed(&s.here, &most), 1);
	scene_end(&s);
}

static void nothing_follows_where_we_logged_something_ourselves(void **state)
{
	struct log_id ours = {SELF, 5, folders[1]};
	struct change c = change_blank(CHANGE_FLAGS);
	struct err err = ERR_INIT;
	struct replica_log log;
	struct scene s;

	(void)state;
	scene_begin(&s);
	done(replica_begin(s.here.r, &err), &err);
	done(replica_log_get(s.here.r, &ours, true, &log, &err), &err);
	c.by = (struct write_id){(NOW + 50) << 16, ours, 1};
	c.dot = s.dot;
	c.add.letters = "F";
	done(replica_apply(s.here.r, &c, &err), &err);
	log.known.lsn = 1;
	done(replica_log_set(s.here.r, &log, &err), &err);
	done(replica_commit(s.here.r, &err), &err);
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed + result.differing, 0);
	scene_end(&s);
}

static void whose_uids_count_is_part_of_the_vector(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	edit(&s.here, "UPDATE folder SET auth_term = 2 WHERE id = 1");
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed + result.differing, 0);
	scene_end(&s);
}

static void what_is_owed_is_owed_until_it_is_told(void **state)
{
	struct stated told = {.folder = folders[1]};
	enum stated_owed most;
	struct err err = ERR_INIT;
	struct scene s;

	(void)state;
	scene_begin(&s);
	done(replica_begin(s.here.r, &err), &err);
	for (size_t i = 0; i < 2; i++)
		done(stated_owe(
			     s.here.r, HOME, &folders[i], STATED_ALONE, &err),
			&err);
	done(stated_owe(s.here.r, HOME, &folders[0], STATED_ALONG, &err), &err);
	done(stated_owe(s.here.r, HOME + 1, &folders[0], STATED_ALONG, &err),
		&err);
	done(replica_commit(s.here.r, &err), &err);
	assert_int_equal(owed(&s.here, &most), 2);
	assert_int_equal(most, STATED_ALONE);
	done(replica_begin(s.here.r, &err), &err);
	done(stated_told(s.here.r, HOME, &told, 1, NOW, &err), &err);
	done(replica_commit(s.here.r, &err), &err);
	assert_int_equal(owed(&s.here, &most), 1);
	scene_end(&s);
}

/* ---- what nothing calls for ---- */

#define SPAN INT64_C(16000)

/* How many folders are due then; told: and they are stated. */
static size_t due(struct scene *s, int64_t at_ms, bool told)
{
	AUTO_ARENA struct arena arena = {0};
	struct stated_folder *list;
	struct stated stated[2];
	struct err err = ERR_INIT;
	size_t count;

	done(stated_due(s->here.r, HOME, SPAN, NOW + at_ms, &arena, &list,
		     &count, &err),
		&err);
	assert_true(count <= 2);
	for (size_t i = 0; i < count; i++)
		stated[i] = (struct stated){.folder = list[i].folder};
	if (!told)
		return count;
	done(replica_begin(s->here.r, &err), &err);
	done(stated_told(s->here.r, HOME, stated, count, NOW + at_ms, &err),
		&err);
	done(replica_commit(s->here.r, &err), &err);
	return count;
}

static void each_folder_is_due_once_in_a_span(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	assert_int_equal(due(&s, 0, true), 0);
	assert_int_equal(due(&s, SPAN - SPAN / 16 - 1, true), 0);
	assert_int_equal(due(&s, SPAN, true), 2);
	/* Looked for a few times only. */
	assert_int_equal(due(&s, SPAN + 1, true), 0);
	for (int64_t at = SPAN; at < 2 * SPAN - SPAN / 16; at += 100)
		assert_int_equal(due(&s, at, true), 0);
	assert_int_equal(due(&s, 2 * SPAN, true), 2);
	scene_end(&s);
}

static void what_waited_half_as_long_goes_along(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	assert_int_equal(due(&s, 0, true), 0);
	edit(&s.here, "UPDATE stated SET told_ms = told_ms + 7999"
		      " WHERE folder = (SELECT max(folder) FROM stated)");
	assert_int_equal(due(&s, SPAN - 1, false), 2);
	edit(&s.here, "UPDATE stated SET told_ms = told_ms + 1"
		      " WHERE folder = (SELECT max(folder) FROM stated)");
	assert_int_equal(due(&s, 2 * SPAN - 8002, true), 2);
	edit(&s.here, "UPDATE stated SET told_ms = told_ms + 9000"
		      " WHERE folder = (SELECT max(folder) FROM stated)");
	assert_int_equal(due(&s, 3 * SPAN - 8002, true), 1);
	scene_end(&s);
}

static void a_clock_that_went_back_makes_nothing_wait(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	assert_int_equal(due(&s, 0, true), 0);
	assert_int_equal(due(&s, SPAN, true), 2);
	assert_int_equal(due(&s, -SPAN, true), 2);
	assert_int_equal(due(&s, -SPAN / 2, true), 0);
	assert_int_equal(due(&s, 0, true), 2);
	scene_end(&s);
}

/* ---- lost changes ---- */

static void lose(struct site *s, const struct log_id *log, uint64_t last)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(gap_lost(s->r, log, 1, last, "a flipped bit", NOW, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

static void acknowledge(struct site *s, const struct log_id *log, uint64_t lsn)
{
	struct replica_log known;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_log_get(s->r, log, true, &known, &err), &err);
	struct replica_ack ack = {.log = known.id, .durable = lsn};
	done(replica_ack_set(s->r, SELF, &ack, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

static void lost_changes_are_a_gap_until_every_peer_has_caught_up(void **state)
{
	static const uint64_t peers[] = {SELF, 9};
	struct log_id log = log_id_of(0);
	AUTO_ARENA struct arena arena = {0};
	struct gap *gaps;
	size_t count;
	struct scene s;

	(void)state;
	scene_begin(&s);
	lose(&s.home, &log, 3);
	lose(&s.home, &log, 3); /* told twice: one gap */
	assert_int_equal(
		gap_list(s.home.r, peers, 2, &arena, &gaps, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(gaps[0].kind, GAP_LOST);
	assert_int_equal(gaps[0].first, 1);
	assert_int_equal(gaps[0].last, 3);
	assert_int_equal(gaps[0].since_ms, NOW);
	assert_string_equal(gaps[0].reason, "a flipped bit");
	assert_int_equal(gaps[0].lacking_count, 2);
	acknowledge(&s.home, &log, 2);
	assert_int_equal(
		gap_list(s.home.r, peers, 1, &arena, &gaps, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(gaps[0].lacking_count, 1);
	acknowledge(&s.home, &log, 3);
	assert_int_equal(
		gap_list(s.home.r, peers, 1, &arena, &gaps, &count, NULL), 0);
	assert_int_equal(count, 0);
	/* Nobody gets changes from here: nobody lacks them. */
	assert_int_equal(
		gap_list(s.home.r, NULL, 0, &arena, &gaps, &count, NULL), 0);
	assert_int_equal(count, 0);
	scene_end(&s);
}

static void changes_that_a_peer_lost_are_a_gap_until_we_know_them(void **state)
{
	struct log_id log = log_id_of(0);
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	lose(&s.here, &log, s.h.logs[0].count);
	gaps_of(&s.here, &arena, 0); /* we have them */
	flag(&s.h, 0, &s.dot, "T", "");
	log.incarnation++;
	lose(&s.here, &log, 2);
	struct gap *gap = gaps_of(&s.here, &arena, 1);
	assert_true(gap->lacked_here);
	assert_int_equal(gap->lacking_count, 0);
	assert_int_equal(gap->log.incarnation, INCARNATION + 1);
	accept_only_gap(&s.here);
	gaps_of(&s.here, &arena, 0);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_that_know_the_same_agree),
		cmocka_unit_test(
			a_wrong_register_is_found_with_the_next_change_of_it),
		cmocka_unit_test(
			a_known_difference_is_not_found_again_and_keeps_its_age),
		cmocka_unit_test(a_difference_is_over_when_the_two_are_equal),
		cmocka_unit_test(
			an_accepted_difference_is_told_again_only_if_it_is_another),
		cmocka_unit_test(nothing_follows_at_another_vector),
		cmocka_unit_test(
			nothing_follows_where_we_logged_something_ourselves),
		cmocka_unit_test(whose_uids_count_is_part_of_the_vector),
		cmocka_unit_test(what_is_owed_is_owed_until_it_is_told),
		cmocka_unit_test(each_folder_is_due_once_in_a_span),
		cmocka_unit_test(what_waited_half_as_long_goes_along),
		cmocka_unit_test(a_clock_that_went_back_makes_nothing_wait),
		cmocka_unit_test(
			lost_changes_are_a_gap_until_every_peer_has_caught_up),
		cmocka_unit_test(
			changes_that_a_peer_lost_are_a_gap_until_we_know_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
