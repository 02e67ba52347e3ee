/*
 * What changes of several logs make of a message, in whatever order the logs
 * come; within a log the order is its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "change.h"
#include "err.h"
#include "replica.h"
#include "simdisk.h"

#define SELF 1u
#define HOME 2u
#define INCARNATION 77u

static const struct id128 copies = {{3}}, late = {{4}};

struct written {
	const struct id128 *log;
	enum change_kind kind;
	uint64_t lsn, stamp;
	const struct id128 *dot_log; /* NULL: its own */
	uint64_t dot_lsn;
	const struct id128 *source_log;
	uint64_t source_lsn;
	const char *base;
	uint32_t uid;
};

/*
 * A message is copied; it goes, so that the copy was a move; and is moved on.
 */
static const struct written late_move[] = {
	{&ID_INBOX, CHANGE_SAVE, 1, 1, NULL, 1, NULL, 0, "X", 5},
	{&copies, CHANGE_COPY, 1, 10, NULL, 1, &ID_INBOX, 1, "X", 6},
	{&copies, CHANGE_MOVE, 2, 20, &ID_INBOX, 1, &copies, 1, "X", 6},
	{&late, CHANGE_MOVE, 1, 21, &ID_INBOX, 1, NULL, 0, "Y", 15},
};

static struct log_id log_of(const struct id128 *folder)
{
	return (struct log_id){HOME, INCARNATION, *folder};
}

static struct change change_of(const struct written *w)
{
	struct change c = {.kind = w->kind,
		.by = {w->stamp << 16, log_of(w->log), w->lsn},
		.dot = {log_of(w->dot_log ? w->dot_log : w->log), w->dot_lsn},
		.uid = w->uid,
		.size = 9,
		.base = w->base,
		.extra = "",
		.path = "",
		.reason = "",
		.add = {"", ""},
		.del = {"", ""}};

	if (w->source_log)
		c.source = (struct dot){log_of(w->source_log), w->source_lsn};
	return c;
}

/* All of one log, as a parcel's section brings it. */
static void take_log(struct replica *r, const struct id128 *folder,
	const struct written *list, size_t count)
{
	struct log_id id = log_of(folder);
	struct replica_log log;
	struct err err = ERR_INIT;

	assert_true(replica_log_get(r, &id, true, &log, &err) >= 0);
	for (size_t i = 0; i < count; i++) {
		if (!id_equal(list[i].log, folder))
			continue;
		struct change c = change_of(&list[i]);

		if (replica_apply(r, &c, &err) < 0)
			fail_msg("%s", err.text);
		log.known.lsn = c.by.lsn;
	}
	assert_int_equal(replica_log_set(r, &log, &err), 0);
}

static struct replica *fresh(struct simdisk **ret_disk)
{
	struct err err = ERR_INIT;
	struct replica *r;

	*ret_disk = simdisk_new(1);
	if (replica_open(simdisk_os(*ret_disk), "/state.db", "a", SELF, true,
		    &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static void is_where_it_went(struct replica *r)
{
	AUTO_ARENA struct arena arena = {0};
	struct dot born = {log_of(&ID_INBOX), 1}, copied = {log_of(&copies), 1};
	struct replica_message m, same;
	struct replica_folder f;

	assert_int_equal(replica_message_by_dot(r, &born, &arena, &m, NULL), 0);
	assert_int_equal(
		replica_message_by_dot(r, &copied, &arena, &same, NULL), 0);
	assert_int_equal(m.id, same.id);
	assert_false(m.dead);
	assert_string_equal(m.base, "Y");
	assert_int_equal(
		replica_folder_by_row(r, m.folder, &arena, &f, NULL), 0);
	assert_memory_equal(&f.fid, &late, sizeof(late));
}

static void a_late_move_is_the_same_in_every_order_of_the_logs(void **state)
{
	const struct id128 *logs[] = {&ID_INBOX, &copies, &late};
	uint8_t first[16], digest[16];
	bool any = false;

	(void)state;
	for (size_t order = 0; order < 27; order++) {
		size_t at[] = {order % 3, order / 3 % 3, order / 9};
		struct simdisk *disk;
		uint64_t messages;
		uint32_t uidnext;

		if (at[0] == at[1] || at[1] == at[2] || at[0] == at[2])
			continue;
		struct replica *r = fresh(&disk);
		assert_int_equal(replica_begin(r, NULL), 0);
		for (size_t i = 0; i < 3; i++)
			take_log(r, logs[at[i]], late_move, 4);
		assert_int_equal(replica_commit(r, NULL), 0);
		is_where_it_went(r);
		assert_int_equal(replica_folder_sums(r, &late, &messages,
					 &uidnext, digest, NULL),
			0);
		assert_int_equal(messages, 1);
		if (any)
			assert_memory_equal(first, digest, sizeof(digest));
		memcpy(first, digest, sizeof(first));
		any = true;
		replica_close(r);
		simdisk_free(disk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_late_move_is_the_same_in_every_order_of_the_logs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
