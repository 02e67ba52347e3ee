/* Births told in brief: what lies at home is filled in, and nothing else. */
#include "brief.h"
#include "err.h"
#include "mem.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAILS 150u /* two blocks and a part of one */
#define VALIDITY 4000000000u
#define BASE_MS 1795303760123u

static const uint8_t seed[BRIEF_SEED_SIZE] = "sixteen bytes..";

static struct brief_mail mail_of(struct arena *arena, uint32_t uid)
{
	char base[40];
	int len = snprintf(base, sizeof(base), "17953037%02u.M%u.vm", uid % 100,
		uid * 7919);

	return (struct brief_mail){arena_dup(arena, base, (size_t)len),
		uid * 31u, 1795303700 + (int64_t)uid,
		{{(uint8_t)uid, (uint8_t)(uid >> 8), 1}}};
}

/* A save of each mail, and a flag change between two. */
static void make_batch(struct change_batch *b)
{
	for (uint32_t uid = 1; uid <= MAILS; uid++) {
		struct change *c = change_add(b, CHANGE_SAVE);
		struct brief_mail m = mail_of(&b->arena, uid);

		c->by.lsn = 2 * uid;
		c->uid = uid;
		c->base = m.base;
		c->size = m.size;
		c->mtime = m.mtime;
		c->hash = m.hash;
		change_add(b, CHANGE_FLAGS)->by.lsn = 2 * uid + 1;
	}
}

/* What lies at home. */
struct home {
	struct arena arena;
	uint32_t without, other; /* UIDs: not there; another mail */
};

static int find(void *arg, const struct brief_place *at, struct brief_mail *ret,
	struct err *err)
{
	struct home *h = arg;

	(void)err;
	if (at->uidvalidity != VALIDITY || at->uid == h->without)
		return 1;
	*ret = mail_of(&h->arena, at->uid);
	if (at->uid == h->other)
		ret->hash.b[5] ^= 1;
	return 0;
}

/* Made brief: all but the mails of `whole` and above. */
static void shorten(struct change_batch *b, uint32_t whole, struct buf *ret)
{
	struct brief_place *places = mem_array(b->count, sizeof(*places));

	for (size_t i = 0; i < b->count; i++)
		if (b->items[i].uid && b->items[i].uid < whole)
			places[i] = (struct brief_place){
				VALIDITY, b->items[i].uid, false};
	brief_make(b, places, BASE_MS, seed, ret);
	free(places);
}

static int fill(struct change_batch *b, const struct buf *bytes, struct home *h,
	bool *lacks)
{
	struct err err = ERR_INIT;
	struct brief brief;
	int rc = brief_decode(bytes->data, bytes->len, &brief, &err);

	if (rc < 0)
		return rc;
	rc = brief_fill(&brief, b, find, h, lacks, &err);
	brief_free(&brief);
	return rc;
}

static void check_same(const struct change_batch *b)
{
	struct change_batch was = {0};

	make_batch(&was);
	assert_int_equal(b->count, was.count);
	for (size_t i = 0; i < b->count; i++) {
		const struct change *x = &b->items[i], *y = &was.items[i];

		assert_string_equal(x->base, y->base);
		assert_int_equal(x->size, y->size);
		assert_int_equal(x->mtime, y->mtime);
		assert_memory_equal(&x->hash, &y->hash, sizeof(x->hash));
	}
	change_batch_free(&was);
}

static void what_lies_at_home_is_filled_in(void **state)
{
	for (uint32_t whole = 1; whole <= MAILS + 1; whole += 21) {
		AUTO_BUF struct buf bytes = BUF_INIT;
		struct change_batch b = {0};
		struct home h = {.without = whole};
		bool lacks[2 * MAILS] = {false};

		(void)state;
		make_batch(&b);
		shorten(&b, whole, &bytes);
		assert_int_equal(fill(&b, &bytes, &h, lacks), 0);
		check_same(&b);
		change_batch_free(&b);
		arena_free(&h.arena);
	}
}

static void what_is_blank_is_a_fraction_of_a_byte(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT, payload = BUF_INIT;
	struct change_context ctx = {.first_lsn = 2, .base_ms = BASE_MS};
	struct change_batch b = {0};

	(void)state;
	make_batch(&b);
	for (size_t i = 0; i < b.count; i++) {
		b.items[i].by.log = ctx.log;
		b.items[i].by.log.folder = ctx.log.folder = ID_INBOX;
		b.items[i].dot = (struct dot){ctx.log, b.items[i].by.lsn};
	}
	shorten(&b, MAILS + 1, &bytes);
	/* Seed, numbers, UIDVALIDITY, two bytes each, three digests. */
	assert_int_equal(
		bytes.len, BRIEF_SEED_SIZE + 2 + 1 + 4 + 2 * MAILS + 3 * 8);
	change_encode(&ctx, b.items, b.count, &payload);
	/* Kinds, UID, name's index; flags' kinds and dots; hashes of zeros. */
	assert_true(payload.len < MAILS * (20 + 3 + 4) + 40);
	change_batch_free(&b);
}

static void what_is_not_there_lacks_and_nothing_else(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct change_batch b = {0};
	struct home h = {.without = 70};
	bool lacks[2 * MAILS] = {false};

	(void)state;
	make_batch(&b);
	/* The last came whole, and is to come so again. */
	shorten(&b, MAILS, &bytes);
	assert_int_equal(fill(&b, &bytes, &h, lacks), 1);
	for (size_t i = 0; i < b.count; i++)
		assert_int_equal(lacks[i],
			b.items[i].uid == 70 || b.items[i].uid == MAILS);
	change_batch_free(&b);
	arena_free(&h.arena);
}

static void another_mail_under_a_uid_makes_its_block_lack(void **state)
{
	static const uint32_t others[] = {1, 64, 65, 128, 129, MAILS};

	(void)state;
	for (size_t k = 0; k < sizeof(others) / sizeof(*others); k++) {
		AUTO_BUF struct buf bytes = BUF_INIT;
		struct change_batch b = {0};
		struct home h = {.other = others[k]};
		bool lacks[2 * MAILS] = {false};

		make_batch(&b);
		shorten(&b, MAILS + 1, &bytes);
		assert_int_equal(fill(&b, &bytes, &h, lacks), 1);
		for (size_t i = 0; i < b.count; i++) {
			uint32_t uid = b.items[i].uid;
			bool same =
				uid && (uid - 1) / BRIEF_BLOCK ==
					       (others[k] - 1) / BRIEF_BLOCK;

			assert_int_equal(lacks[i], same);
		}
		change_batch_free(&b);
		arena_free(&h.arena);
	}
}

static void every_truncation_and_every_flip_is_refused_or_lacks(void **state)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct change_batch b = {0};

	(void)state;
	make_batch(&b);
	shorten(&b, MAILS + 1, &bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		struct err err = ERR_INIT;
		struct brief brief;
		uint8_t *copy = mem_alloc(len + 1);

		memcpy(copy, bytes.data, len);
		assert_int_equal(
			brief_decode(copy, len, &brief, &err), ERR_CORRUPT);
		free(copy);
	}
	for (size_t i = 0; i < bytes.len; i++) {
		struct change_batch again = {0};
		struct buf none = BUF_INIT;
		struct home h = {0};
		bool lacks[2 * MAILS] = {false};

		make_batch(&again);
		shorten(&again, MAILS + 1, &none);
		bytes.data[i] ^= 1;
		/* By GUID or not: that is for who looks it up. */
		int rc = fill(&again, &bytes, &h, lacks);
		if (rc == 0)
			assert_true(i >= BRIEF_SEED_SIZE + 7 &&
				    i < BRIEF_SEED_SIZE + 7 + MAILS);
		else
			assert_true(rc == 1 || rc == ERR_CORRUPT);
		bytes.data[i] ^= 1;
		buf_free(&none);
		change_batch_free(&again);
		arena_free(&h.arena);
	}
	change_batch_free(&b);
}

static void places_of_another_batch_are_refused(void **state)
{
	static const uint32_t wholes[] = {MAILS - 1, MAILS + 1};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		AUTO_BUF struct buf bytes = BUF_INIT, other = BUF_INIT;
		struct change_batch b = {0}, rest = {0};
		struct home h = {0};
		bool lacks[2 * MAILS] = {false};

		make_batch(&b);
		make_batch(&rest);
		shorten(&rest, wholes[k], &other);
		shorten(&b, MAILS, &bytes);
		assert_int_equal(fill(&b, &other, &h, lacks), ERR_CORRUPT);
		change_batch_free(&b);
		change_batch_free(&rest);
		arena_free(&h.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_at_home_is_filled_in),
		cmocka_unit_test(what_is_blank_is_a_fraction_of_a_byte),
		cmocka_unit_test(what_is_not_there_lacks_and_nothing_else),
		cmocka_unit_test(another_mail_under_a_uid_makes_its_block_lack),
		cmocka_unit_test(
			every_truncation_and_every_flip_is_refused_or_lacks),
		cmocka_unit_test(places_of_another_batch_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
