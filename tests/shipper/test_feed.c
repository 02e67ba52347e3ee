/* Bodies that are fed to a live link, and come out at its other end. */
#include "../unit/link/twoends.h"

#include "feed.h"
#include "parcel.h"

#define LARGE (5u * FEED_PIECE / 2)

static struct ends *ends;
static uint64_t asked; /* bytes, of the one who reads mail */

static struct hash name_of(uint64_t size)
{
	return hash_of(&size, sizeof(size));
}

/* A body's name is made of its size; nobody has one of 13 bytes. */
static int give_body(void *arg, const char *account, const struct hash *hash,
	uint64_t offset, size_t max, struct buf *ret, uint64_t *ret_size,
	struct err *err)
{
	(void)arg;
	assert_string_equal(account, "alice");
	for (uint64_t size = 100; size <= LARGE;
		size = size < 2100 ? size + 1 : size + LARGE - 2100) {
		struct hash name = name_of(size);

		if (memcmp(&name, hash, sizeof(name)) != 0)
			continue;
		*ret_size = size;
		for (uint64_t at = offset; at < size && max; at++, max--) {
			uint64_t z = (at + (size << 32)) * 0x9e3779b97f4a7c15u;

			z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
			z = (z ^ z >> 27) * 0x94d049bb133111ebu;
			buf_add_byte(ret, (uint8_t)(z >> 56));
			asked++;
		}
		return 0;
	}
	return err_set(err, ERR_ABSENT, "gone");
}

/* Of a body of 13 bytes there is none, either. */
static int give_preview(void *arg, const char *account, const struct hash *hash,
	const char *peer, size_t most, struct buf *ret, struct err *err)
{
	struct hash nobody = name_of(13);

	(void)arg;
	assert_string_equal(account, "alice");
	assert_string_equal(peer, "ship");
	if (memcmp(&nobody, hash, sizeof(nobody)) == 0)
		return err_set(err, ERR_ABSENT, "gone");
	for (size_t i = 0; i < most; i++)
		buf_add_byte(ret, hash->b[i % HASH_SIZE] ^ (uint8_t)(i / 20));
	return 0;
}

static const struct handover_config config = {.level = PARCEL_FAST,
	.body = give_body,
	.body_preview = give_preview,
	.peer_name = "ship"};

static void add(struct feed *f, uint64_t size)
{
	struct hash name = name_of(size);

	feed_add(f, "alice", &name, size, 0);
}

static void run(struct feed *f)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(
			feed_fill(f, &config, ends->dial.link, &err), 0);
		assert_int_equal(ends_run(ends, 1000), 0);
		if (feed_is_empty(f) &&
			!link_queued(ends->dial.link, LINK_LARGE))
			return;
	}
	fail_msg("it never ends");
}

/* The one section with bytes of a body in an item that arrived. */
static struct parcel_body piece_of(size_t item, struct parcel_sections *s)
{
	const struct buf *b = &ends->answer.items[item].bytes;

	assert_int_equal(b->data[0], 0); /* no compressor makes it smaller */
	assert_int_equal(parcel_parse(1, b->data + 1, b->len - 1, s, NULL), 0);
	assert_int_equal(s->items[0].type, PARCEL_BODY);
	return s->items[0].body;
}

static void small_bodies_go_together_and_first(void **state)
{
	struct feed f = {.bodies = 0};
	struct parcel_sections s;

	(void)state;
	add(&f, LARGE);
	add(&f, 100);
	add(&f, 13);
	add(&f, 2000);
	run(&f);
	assert_int_equal(f.bodies, 3);
	assert_int_equal(f.missing, 1);
	assert_int_equal(f.bytes, LARGE + 2100);
	assert_int_equal(f.sent_count, 3);
	piece_of(0, &s);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.items[0].body.size, 100);
	assert_int_equal(s.items[1].body.size, 2000);
	parcel_sections_free(&s);
	feed_free(&f);
}

static void the_more_went_the_more_go_together(void **state)
{
	static const size_t together[] = {2, 4, 11, 23};
	struct feed f = {.bodies = 0};

	(void)state;
	for (uint64_t i = 0; i < 40; i++)
		add(&f, 1990 + i);
	run(&f);
	assert_int_equal(ends->answer.count, 4);
	for (size_t i = 0; i < 4; i++) {
		struct parcel_sections s;

		piece_of(i, &s);
		assert_int_equal(s.count, together[i]);
		parcel_sections_free(&s);
	}
	feed_free(&f);
}

static void a_preview_goes_among_the_small_ones(void **state)
{
	struct hash held = name_of(LARGE), gone = name_of(13);
	struct hash name = name_of(1), other = name_of(2);
	struct feed f = {.bodies = 0};
	struct parcel_sections s;
	const struct buf *b;

	(void)state;
	add(&f, 100);
	feed_preview(&f, "alice", &other, &gone, 300);
	feed_preview(&f, "alice", &name, &held, 200);
	assert_true(feed_knows(&f, &name));
	assert_false(feed_knows(&f, &held));
	run(&f);
	assert_int_equal(f.bodies, 1);
	assert_int_equal(f.sent_count, 2); /* not the one that is gone */
	assert_true(feed_knows(&f, &name));
	assert_false(feed_knows(&f, &other));
	b = &ends->answer.items[0].bytes;
	assert_int_equal(parcel_parse(1, b->data + 1, b->len - 1, &s, NULL), 0);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.items[1].type, PARCEL_PREVIEW);
	assert_string_equal(s.items[1].preview.account, "alice");
	assert_memory_equal(&s.items[1].preview.held, &held, sizeof(held));
	assert_int_equal(s.items[1].preview.len, 200);
	parcel_sections_free(&s);
	feed_free(&f);
}

static void large_bodies_are_cut_at_the_same_places_every_time(void **state)
{
	struct feed f = {.bodies = 0};
	struct hash first[3];

	(void)state;
	add(&f, LARGE);
	run(&f);
	assert_int_equal(ends->answer.count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct buf *b = &ends->answer.items[i].bytes;
		struct parcel_sections s;
		struct parcel_body piece = piece_of(i, &s);

		first[i] = hash_of(b->data, b->len);
		assert_int_equal(piece.offset, i * FEED_PIECE);
		parcel_sections_free(&s);
	}
	feed_free(&f);
	f = (struct feed){.bodies = 0};
	add(&f, LARGE);
	run(&f);
	for (size_t i = 0; i < 3; i++) {
		const struct buf *b = &ends->answer.items[3 + i].bytes;
		struct hash again = hash_of(b->data, b->len);

		assert_memory_equal(&again, &first[i], sizeof(again));
	}
	feed_free(&f);
}

static void what_the_other_has_of_a_body_is_not_read(void **state)
{
	const uint64_t there = FEED_PIECE + 1000;
	struct feed f = {.bodies = 0};
	struct parcel_sections s;
	struct err err = ERR_INIT;

	(void)state;
	/* Of a body it tells as of an item that did not come whole. */
	ends_cut(ends);
	ends->answer.part_name = name_of(LARGE);
	ends->answer.part.len = 0;
	ends_bytes(&ends->answer.part, there, 1);
	ends_connect(ends);
	add(&f, LARGE);
	/* Before it was heard nothing is sent of large ones. */
	asked = 0;
	assert_int_equal(feed_fill(&f, &config, ends->dial.link, &err), 0);
	assert_int_equal(asked, 0);
	assert_int_equal(ends_run(ends, 1000), 0);
	run(&f);
	assert_int_equal(asked, LARGE - there);
	assert_int_equal(piece_of(0, &s).offset, there);
	parcel_sections_free(&s);
	assert_int_equal(piece_of(1, &s).offset, 2 * FEED_PIECE);
	parcel_sections_free(&s);
	feed_free(&f);
}

static void little_is_packed_ahead(void **state)
{
	struct feed f = {.bodies = 0};
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 10; i++)
		add(&f, LARGE);
	asked = 0;
	assert_int_equal(feed_fill(&f, &config, ends->dial.link, &err), 0);
	assert_int_equal(asked, FEED_PIECE);
	feed_free(&f);
}

static int setup(void **state)
{
	(void)state;
	ends = calloc(1, sizeof(*ends));
	if (!ends || key_start(NULL) < 0)
		return -1;
	ends_init(ends);
	ends_connect(ends);
	return ends_run(ends, 1000);
}

static int teardown(void **state)
{
	(void)state;
	ends_free(ends);
	free(ends);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void what_was_given_is_known_until_the_line_breaks_off(void **state)
{
	static const uint64_t sizes[] = {100, LARGE};
	struct hash never = name_of(2000);
	struct feed f = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct hash name = name_of(sizes[i]);

		assert_false(feed_knows(&f, &name));
		add(&f, sizes[i]);
		assert_true(feed_knows(&f, &name)); /* it waits */
	}
	run(&f);
	for (size_t i = 0; i < 2; i++) {
		struct hash name = name_of(sizes[i]);

		assert_true(feed_knows(&f, &name)); /* it went */
	}
	assert_false(feed_knows(&f, &never));
	feed_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(small_bodies_go_together_and_first),
		TEST(the_more_went_the_more_go_together),
		TEST(a_preview_goes_among_the_small_ones),
		TEST(large_bodies_are_cut_at_the_same_places_every_time),
		TEST(what_the_other_has_of_a_body_is_not_read),
		TEST(little_is_packed_ahead),
		TEST(what_was_given_is_known_until_the_line_breaks_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
