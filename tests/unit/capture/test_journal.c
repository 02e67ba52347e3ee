/* One commit of our own changes, however many, to log and state. */
#include "scene.h"

#include "change.h"
#include "journal.h"

#define MANY 10000 /* of which two frames are packed before the commit */
#define BASE_MS UINT64_C(1800000000000)

static const char *letters_of(size_t i)
{
	static const char *const letters[] = {"S", "F", "R", "FS"};

	return letters[i % 4];
}

static void put_flags(struct scene *s, struct journal *j, size_t i)
{
	struct replica *r = s->account.replica;
	struct change c = {.kind = CHANGE_FLAGS,
		.base = "",
		.extra = "",
		.path = "",
		.reason = "",
		.add = {letters_of(i), i % 7 ? "" : "$Junk"},
		.del = {"D", ""}};

	c.dot = (struct dot){
		{replica_origin(r), replica_incarnation(r), ID_INBOX},
		1000000 + i};
	c.by.stamp = STAMP_OF(BASE_MS + 3 * i, i % 3);
	must(journal_put(j, &ID_INBOX, &c, &err));
	assert_int_equal(c.by.lsn, i + 1);
}

/* Every change in the INBOX's log is the one that was put there. */
static size_t check_log(struct scene *s)
{
	struct replica *r = s->account.replica;
	struct log_id id = {
		replica_origin(r), replica_incarnation(r), ID_INBOX};
	struct replica_log log;
	struct log_reader reader;
	struct frame frame = {0};
	char hex[ID_HEX];
	size_t count = 0;
	int rc;

	must(replica_log_get(r, &id, false, &log, &err));
	struct log_end end = {
		log.file_lsn, log.known.lsn, log.known.chain, log.size};
	id_hex(&ID_INBOX, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", s->account.log_dir, hex);
	must(log_reader_open(
		&reader, s->os, dir, id.incarnation, &end, 1, &err));
	while ((rc = log_reader_next(&reader, &frame, NULL)) > 0) {
		struct change_batch batch = {0};
		struct change_context ctx = {
			id, frame.first_lsn, frame.base_ms};

		if (frame.kind != FRAME_CHANGES)
			continue;
		must(change_decode(&ctx, frame.payload.data, frame.payload.len,
			&batch, &err));
		for (size_t i = 0; i < batch.count; i++, count++) {
			const struct change *c = &batch.items[i];

			assert_int_equal(c->by.lsn, count + 1);
			assert_int_equal(c->dot.lsn, 1000000 + count);
			assert_int_equal(c->by.stamp,
				STAMP_OF(BASE_MS + 3 * count, count % 3));
			assert_string_equal(c->add.letters, letters_of(count));
			assert_string_equal(
				c->add.keywords, count % 7 ? "" : "$Junk");
			assert_string_equal(c->del.letters, "D");
		}
		change_batch_free(&batch);
	}
	assert_int_equal(rc, 0);
	frame_free(&frame);
	log_reader_close(&reader);
	assert_int_equal(log.known.lsn, count);
	return count;
}

static void many_changes_of_one_commit_are_all_there_in_order(void **state)
{
	struct scene *s = *state;
	struct journal j;

	must(journal_begin(&j, &s->account, &err));
	for (size_t i = 0; i < MANY; i++)
		put_flags(s, &j, i);
	must(journal_commit(&j, false, &err));
	assert_int_equal(check_log(s), MANY);
	/* and the next goes on behind them */
	must(journal_begin(&j, &s->account, &err));
	put_flags(s, &j, MANY);
	must(journal_commit(&j, false, &err));
	assert_int_equal(check_log(s), MANY + 1);
}

static void a_frame_that_is_just_full_loses_nothing(void **state)
{
	struct scene *s = *state;
	struct journal j;

	must(journal_begin(&j, &s->account, &err));
	for (size_t i = 0; i < 4096; i++)
		put_flags(s, &j, i);
	must(journal_commit(&j, false, &err));
	assert_int_equal(check_log(s), 4096);
}

static void what_was_undone_is_in_no_log(void **state)
{
	struct scene *s = *state;
	struct journal j;

	must(journal_begin(&j, &s->account, &err));
	for (size_t i = 0; i < 5000; i++)
		put_flags(s, &j, i);
	journal_abort(&j);
	must(journal_begin(&j, &s->account, &err));
	put_flags(s, &j, 0);
	must(journal_commit(&j, false, &err));
	assert_int_equal(check_log(s), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(many_changes_of_one_commit_are_all_there_in_order),
		T(a_frame_that_is_just_full_loses_nothing),
		T(what_was_undone_is_in_no_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
