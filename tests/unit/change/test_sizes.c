/*
 * What batches cost on the wire: the sizes that docs/format.md states.
 *
 * "zstd" is what lib/segment does with a payload: stored, or zstd where that
 * is smaller. A frame's header adds 11 to 14 bytes.
 */
#include "changemaker.h"
#include "err.h"

#include <setjmp.h>
#include <zstd.h>

#include <cmocka.h>

#define FRAME_HEADER 14 /* at most, for what is measured here */

static const uint64_t hour_ms = 3600 * 1000;

static struct change_context context(struct maker *m, uint64_t seed)
{
	maker_init(m, seed, false);
	m->dense = true;
	m->lsns[0] = 1500;
	return maker_context(m);
}

static struct change *add(
	struct maker *m, struct change_batch *b, enum change_kind kind)
{
	struct change *c = change_add(b, kind);

	c->by = (struct write_id){.stamp = STAMP_OF(m->ms, 0),
		.log = m->logs[0],
		.lsn = ++m->lsns[0]};
	return c;
}

/* Size of the payload as it is, and as a frame stores it. */
static void measure(const struct change_context *ctx,
	const struct change_batch *b, size_t *ret_plain, size_t *ret_stored)
{
	struct change_batch read = {0};
	struct buf payload = BUF_INIT;
	char packed[1 << 20];
	size_t n;

	change_encode(ctx, b->items, b->count, &payload);
	assert_int_equal(
		change_decode(ctx, payload.data, payload.len, &read, NULL), 0);
	assert_int_equal(read.count, b->count);
	n = ZSTD_compress(
		packed, sizeof(packed), payload.data, payload.len, 19);
	assert_false(ZSTD_isError(n));
	*ret_plain = payload.len;
	*ret_stored = n < payload.len ? n : payload.len;
	print_message("%zu changes: %zu bytes, stored as %zu\n", b->count,
		*ret_plain, *ret_stored);
	change_batch_free(&read);
	buf_free(&payload);
}

static void one_flag_change_is_ten_bytes(void **state)
{
	struct change_batch b = {0};
	struct maker m;
	struct change_context ctx = context(&m, 42);
	struct change *c;
	size_t plain, stored;

	(void)state;
	m.ms += 5 * hour_ms;
	c = add(&m, &b, CHANGE_FLAGS);
	c->dot = (struct dot){m.logs[0], 1001};
	c->add.letters = "S";
	measure(&ctx, &b, &plain, &stored);
	assert_int_equal(plain, 10);
	assert_int_equal(stored, 10);
	assert_true(stored + FRAME_HEADER <= 30);
	change_batch_free(&b);
}

/*
 * A person at work: acts on one message or on a range of them, seconds apart.
 * The changes of one act have one time, because ctime moves only with the
 * kernel's tick of 4 ms, in which a server renames a hundred files.
 */
struct triage {
	struct maker m;
	struct change_batch b;
	uint64_t next; /* dot's lsn */
};

static void pause_for(struct triage *t, uint64_t ms)
{
	t->m.ms += ms + maker_below(&t->m, ms);
}

static struct change *act(struct triage *t, enum change_kind kind)
{
	struct change *c = add(&t->m, &t->b, kind);

	c->dot = (struct dot){t->m.logs[0], t->next};
	t->next += maker_below(&t->m, 16) ? 1 : 2;
	if (maker_below(&t->m, 100) == 0)
		t->m.ms += 4;
	return c;
}

static void flag(struct triage *t, size_t count, const char *letters,
	const char *keywords)
{
	pause_for(t, 4000);
	while (count-- > 0) {
		struct change *c = act(t, CHANGE_FLAGS);

		c->add.letters = letters;
		c->add.keywords = keywords;
	}
}

static void many(struct triage *t, enum change_kind kind, size_t count)
{
	pause_for(t, 4000);
	while (count-- > 0) {
		struct change *c = act(t, kind);

		c->folder = t->m.ids[1];
		c->uid = (uint32_t)t->m.lsns[0] + 3000;
	}
}

static void arrive(struct triage *t)
{
	struct change *c;

	pause_for(t, 20000);
	c = add(&t->m, &t->b, CHANGE_SAVE);
	c->dot = (struct dot){c->by.log, c->by.lsn};
	c->uid = (uint32_t)t->m.lsns[0] + 2800;
	c->size = 2000 + maker_below(&t->m, 9000);
	c->mtime = (int64_t)(t->m.ms / 1000);
	c->hash = maker_hash(&t->m);
	c->base = maker_format(&t->b,
		"%" PRId64 ".M%uP%u.vm,S=%" PRIu64 ",W=%" PRIu64, c->mtime,
		(unsigned)maker_below(&t->m, 1000000),
		14000 + (unsigned)maker_below(&t->m, 900), c->size,
		c->size + 20 + maker_below(&t->m, 200));
}

/*
 * 55 flag changes (8 of keywords), 26 expunges, 14 left, 4 uids; and 1 save,
 * because every hash is 20 bytes that nothing makes smaller.
 */
static void mix(struct triage *t)
{
	t->m.ms += 5 * hour_ms;
	flag(t, 18, "S", "");
	arrive(t);
	flag(t, 1, "S", "");
	flag(t, 1, "R", "");
	many(t, CHANGE_EXPUNGE, 15);
	flag(t, 7, "S", "$Junk");
	many(t, CHANGE_LEFT, 14);
	flag(t, 1, "FS", "");
	flag(t, 1, "", "$Forwarded");
	flag(t, 16, "S", "");
	many(t, CHANGE_UID, 4);
	flag(t, 10, "ST", "");
	t->next -= 15;
	many(t, CHANGE_EXPUNGE, 11);
}

static void a_hundred_mixed_changes_fit_260_bytes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct triage t = {.next = 1100};
		struct change_context ctx = context(&t.m, seed);
		size_t plain, stored;

		mix(&t);
		assert_int_equal(t.b.count, 100);
		measure(&ctx, &t.b, &plain, &stored);
		assert_true(stored + FRAME_HEADER <= 260);
		change_batch_free(&t.b);
	}
}

/* Every act by itself, no bursts: what incompressible times cost. */
static void a_hundred_lone_flag_changes_fit_500_bytes(void **state)
{
	struct triage t = {.next = 1100};
	struct change_context ctx = context(&t.m, 42);
	size_t plain, stored;

	(void)state;
	for (int i = 0; i < 100; i++) {
		flag(&t, 1, maker_below(&t.m, 3) ? "S" : "RS", "");
		t.next = 1 + maker_below(&t.m, 1500);
	}
	measure(&ctx, &t.b, &plain, &stored);
	assert_true(stored + FRAME_HEADER <= 500);
	change_batch_free(&t.b);
}

/* First sight of a folder: 20 bytes of each message are its hash. */
static void a_first_import_is_30_bytes_a_message(void **state)
{
	struct triage t = {.next = 1};
	struct change_context ctx;
	size_t plain, stored;

	(void)state;
	ctx = context(&t.m, 42);
	for (int i = 0; i < 1000; i++) {
		arrive(&t);
		t.b.items[i].by.stamp = 0;
		t.b.items[i].add.letters = maker_below(&t.m, 5) ? "S" : "RS";
	}
	measure(&ctx, &t.b, &plain, &stored);
	assert_true(stored <= 30 * 1000);
	change_batch_free(&t.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flag_change_is_ten_bytes),
		cmocka_unit_test(a_hundred_mixed_changes_fit_260_bytes),
		cmocka_unit_test(a_hundred_lone_flag_changes_fit_500_bytes),
		cmocka_unit_test(a_first_import_is_30_bytes_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
