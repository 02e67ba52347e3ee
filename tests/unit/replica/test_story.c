/* What a state still tells of one message: who wrote what stands, what was lost
   to it, and what is left of a message that is gone. */
#include "twostates.h"

#include "joining.h"
#include "story.h"

#define WORK 1 /* the folder */
#define T(name) cmocka_unit_test(name)

static struct dot dot_of(uint64_t lsn)
{
	return (struct dot){log_id_of(WORK), lsn};
}

static struct story read_dot(struct site *s, uint64_t lsn, struct arena *arena)
{
	struct dot dot = dot_of(lsn);
	struct story story;
	struct err err = ERR_INIT;
	int rc = story_read_dot(s->r, &dot, arena, &story, &err);

	done(rc, &err);
	assert_int_equal(rc, 0);
	return story;
}

static const struct story_register *flag_of(
	const struct story *s, const char *name)
{
	for (size_t i = 0; i < s->register_count; i++)
		if (s->registers[i].what == STORY_FLAG &&
			strcmp(s->registers[i].name, name) == 0)
			return &s->registers[i];
	fail_msg("no flag %s", name);
	return NULL;
}

static void what_was_overwritten_lost_to_its_last_writer(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct site s = fresh(SELF);
	struct history h;
	struct dot dot = dot_of(1);
	size_t *lost;

	(void)state;
	history_begin(&h);
	save(&h, WORK);
	flag(&h, WORK, &dot, "FS", "");
	flag(&h, WORK, &dot, "", "S");
	take_all(&s, &h);
	struct story story = read_dot(&s, 1, &arena);
	const struct change *logged = h.logs[WORK].items;

	assert_true(story.known);
	assert_int_equal(story.dot_count, 1);
	assert_true(story_has_dot(&story, &dot));
	assert_int_equal(flag_of(&story, "\\S")->by.lsn, 3);
	assert_false(flag_of(&story, "\\S")->value);
	assert_int_equal(flag_of(&story, "\\F")->by.lsn, 2);
	/* Written out: the birth, +F, -S, in that order. */
	assert_int_equal(story.stands.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(story.stands.items[i].by.lsn, i + 1);
	assert_string_equal(story.stands.items[1].add.letters, "F");
	/* Of +FS only +S is lost. */
	assert_int_equal(story_lost(&story, &logged[1], &arena, &lost), 1);
	assert_ptr_equal(&story.registers[lost[0]], flag_of(&story, "\\S"));
	assert_int_equal(story_lost(&story, &logged[0], &arena, &lost), 0);
	assert_int_equal(story_lost(&story, &logged[2], &arena, &lost), 0);
	story_free(&story);
	history_free(&h);
	release(&s);
}

static void a_message_is_found_by_uid_and_by_name(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct site s = fresh(SELF);
	struct history h;
	struct err err = ERR_INIT;
	int64_t *rows;
	size_t count;

	(void)state;
	history_begin(&h);
	save(&h, WORK);
	save(&h, WORK);
	take_all(&s, &h);
	done(story_by_uid(
		     s.r, folder_of(&s, WORK), 2, &arena, &rows, &count, &err),
		&err);
	assert_int_equal(count, 1);
	int64_t row = rows[0];
	done(story_by_base(s.r, folder_of(&s, WORK), h.logs[WORK].items[1].base,
		     &arena, &rows, &count, &err),
		&err);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0], row);
	done(story_by_uid(
		     s.r, folder_of(&s, WORK), 3, &arena, &rows, &count, &err),
		&err);
	assert_int_equal(count, 0);
	history_free(&h);
	release(&s);
}

static void of_a_message_that_is_gone_its_tombstone_tells(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct site s = fresh(SELF);
	struct history h;
	struct err err = ERR_INIT;
	struct change c = change_blank(CHANGE_EXPUNGE);
	struct story story;
	struct dot *dots, none = dot_of(9);
	size_t count;

	(void)state;
	history_begin(&h);
	save(&h, WORK);
	c.dot = dot_of(1);
	put(&h, WORK, &c);
	take_all(&s, &h);
	const struct change *born = &h.logs[WORK].items[0];
	struct id128 content = content_id(born->base, born->size, &born->hash);

	done(story_by_content(s.r, &content, &arena, &dots, &count, &err),
		&err);
	assert_int_equal(count, 1);
	assert_int_equal(dot_cmp(&dots[0], &c.dot), 0);
	story = read_dot(&s, 1, &arena);
	assert_false(story.known);
	assert_int_equal(story.dot_count, 1);
	assert_true(story.dots[0].dead);
	assert_int_equal(story.dots[0].dead_by.lsn, 2);
	assert_int_equal(story.stands.count, 1);
	assert_int_equal(story.stands.items[0].kind, CHANGE_EXPUNGE);
	story_free(&story);
	assert_int_equal(story_read_dot(s.r, &none, &arena, &story, &err), 1);
	story_free(&story);
	history_free(&h);
	release(&s);
}

static void what_waits_for_a_move_is_told(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct site s = fresh(SELF);
	struct history h;
	struct change c = change_blank(CHANGE_UID);

	(void)state;
	history_begin(&h);
	save(&h, WORK);
	/* A UID in another folder: it is to be moved there first. */
	c.dot = dot_of(1);
	c.uid = 7;
	put(&h, 2, &c);
	take_all(&s, &h);
	struct story story = read_dot(&s, 1, &arena);

	assert_int_equal(story.parked.count, 1);
	assert_int_equal(story.parked.items[0].uid, 7);
	story_free(&story);
	history_free(&h);
	release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_overwritten_lost_to_its_last_writer),
		T(a_message_is_found_by_uid_and_by_name),
		T(of_a_message_that_is_gone_its_tombstone_tells),
		T(what_waits_for_a_move_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
