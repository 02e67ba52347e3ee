/* sections_compare: what is added is parsed back, and nothing else is. */
#include "err.h"
#include "parcel.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuts.h"

#define OTHER 0x2222222222222222u

static const struct id128 folder = {{9, 9, 9}};
static const uint64_t keys[] = {1, 2, UINT64_MAX};
static const struct parcel_run uids[] = {{1, 1}, {3, 9}, {11, UINT32_MAX}};
static struct parcel_run runs[] = {{1, 4}, {6, (UINT64_C(1) << 62) - 1}};
static const struct parcel_lsns dead[] = {
	{{SENDER, 3, {{9, 9, 9}}}, runs, 2},
	{{OTHER, 3, {{9, 9, 9}}}, runs, 1},
	{{OTHER, 4, {{'I', 'N', 'B', 'O', 'X'}}}, runs, 2},
};

static struct parcel_compare some(enum parcel_section_type type)
{
	struct parcel_compare c = {
		.account = "alice@example.org",
		.folder = type == PARCEL_TABLE ? ID_INBOX : folder,
		.kind = type == PARCEL_SKETCH ? PARCEL_COMPARE_CONTENT
					      : PARCEL_COMPARE_EXACT,
		.seed = {1, 2, 3},
		.doubt = type == PARCEL_TABLE,
		.payload = (const uint8_t *)"payload",
		.len = 7,
	};

	if (type == PARCEL_COMPARE) {
		c.columns = 511;
		c.term = 5;
		c.authority = OTHER;
		c.uidvalidity = UINT32_MAX;
		c.len = 0;
	}
	if (type == PARCEL_ROWS) {
		c.last = true;
		c.keys = keys;
		c.key_count = 3;
		c.uids = uids;
		c.uid_count = 3;
		c.dead = dead;
		c.dead_count = 3;
		c.context = (struct log_id){OTHER, 4, ID_INBOX};
		c.base_ms = 1795303760123;
	}
	return c;
}

static void assert_runs(const struct parcel_run *a, size_t a_count,
	const struct parcel_run *b, size_t b_count)
{
	assert_int_equal(a_count, b_count);
	for (size_t i = 0; i < a_count; i++)
		assert_true(a[i].first == b[i].first && a[i].last == b[i].last);
}

static void assert_same(
	const struct parcel_compare *a, const struct parcel_compare *b)
{
	assert_string_equal(a->account, b->account);
	assert_true(id_equal(&a->folder, &b->folder));
	assert_int_equal(a->kind, b->kind);
	assert_memory_equal(a->seed, b->seed, sizeof(a->seed));
	assert_true(a->doubt == b->doubt && a->equal == b->equal);
	assert_true(a->last == b->last);
	assert_true(a->symbols == b->symbols && a->columns == b->columns);
	assert_true(a->term == b->term && a->authority == b->authority);
	assert_true(a->uidvalidity == b->uidvalidity);
	assert_int_equal(a->key_count, b->key_count);
	for (size_t i = 0; i < a->key_count; i++)
		assert_true(a->keys[i] == b->keys[i]);
	assert_runs(a->uids, a->uid_count, b->uids, b->uid_count);
	assert_int_equal(a->dead_count, b->dead_count);
	for (size_t i = 0; i < a->dead_count; i++) {
		assert_int_equal(
			log_id_cmp(&a->dead[i].log, &b->dead[i].log), 0);
		assert_runs(a->dead[i].runs, a->dead[i].count, b->dead[i].runs,
			b->dead[i].count);
	}
	assert_int_equal(log_id_cmp(&a->context, &b->context), 0);
	assert_true(a->base_ms == b->base_ms);
	assert_int_equal(a->len, b->len);
	if (a->len)
		assert_memory_equal(a->payload, b->payload, a->len);
}

static struct parcel_compare nothing_asked(void)
{
	return (struct parcel_compare){
		.account = "a",
		.folder = ID_INBOX,
		.kind = PARCEL_COMPARE_EXACT,
		.equal = true,
		.last = true,
	};
}

static void each_section_comes_back(void **state)
{
	(void)state;
	for (int type = PARCEL_COMPARE; type <= PARCEL_ROWS + 1; type++) {
		enum parcel_section_type as =
			type > PARCEL_ROWS ? PARCEL_ROWS
					   : (enum parcel_section_type)type;
		struct parcel_compare c =
			type > PARCEL_ROWS ? nothing_asked() : some(as);
		AUTO_BUF struct buf b = BUF_INIT;
		struct parcel_sections s;
		struct err err = ERR_INIT;

		parcel_add_compare(&b, SENDER, as, &c);
		if (parcel_parse(SENDER, b.data, b.len, &s, &err) < 0)
			fail_msg("type %d: %s", type, err.text);
		assert_int_equal(s.count, 1);
		assert_int_equal(s.items[0].type, as);
		assert_same(&s.items[0].compare, &c);
		parcel_sections_free(&s);
	}
}

static void add_all(struct buf *b)
{
	struct parcel_compare none = nothing_asked();

	for (int type = PARCEL_COMPARE; type <= PARCEL_ROWS; type++) {
		struct parcel_compare c = some((enum parcel_section_type)type);

		parcel_add_compare(
			b, SENDER, (enum parcel_section_type)type, &c);
	}
	parcel_add_compare(b, SENDER, PARCEL_ROWS, &none);
}

static void every_truncation_is_refused(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	add_all(&b);
	assert_int_equal(whole_cuts(&b), 5); /* cut behind 0, 1 … 4 sections */
}

static bool is_compare(const struct parcel_section *s)
{
	return s->type >= PARCEL_COMPARE && s->type <= PARCEL_ROWS;
}

/* A header flipped may make a section of another type of it. */
static void whatever_parses_is_spelled_in_the_one_way(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	add_all(&b);
	for (size_t i = 0; i < 255 * b.len; i++) {
		AUTO_BUF struct buf again = BUF_INIT;
		uint8_t *byte = &b.data[i / 255], was = *byte;
		struct parcel_sections s;
		bool all = true;
		uint8_t *copy;

		*byte = (uint8_t)(was + i % 255 + 1);
		if (parse_copy(b.data, b.len, &s, &copy) == 0) {
			for (size_t j = 0; j < s.count; j++)
				all = all && is_compare(&s.items[j]);
			for (size_t j = 0; j < s.count && all; j++)
				parcel_add_compare(&again, SENDER,
					s.items[j].type, &s.items[j].compare);
			if (all) {
				assert_int_equal(again.len, b.len);
				assert_memory_equal(again.data, b.data, b.len);
			}
			parcel_sections_free(&s);
		}
		free(copy);
		*byte = was;
	}
}

/* A section of ROWS whose bytes behind the seed are these. */
static int parse_rows(const char *bytes, size_t len, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT, body = BUF_INIT;
	struct parcel_sections s;

	wire_add_bytes(&body, "a", 1);
	buf_add(&body, "\x01\x01", 2);
	buf_add(&body, "a seed of 16 b.!", 16);
	buf_add(&body, bytes, len);
	buf_add_byte(&b, PARCEL_ROWS);
	wire_add_bytes(&b, body.data, body.len);
	return parcel_parse(SENDER, b.data, b.len, &s, err);
}

static void counts_beyond_the_bytes_take_no_memory(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *why;
	} lies[] = {
		{"\xff\xff\xff\xff\x7f", 5, "number of keys"},
		{"\0\xff\xff\xff\xff\x7f", 6, "number of runs"},
		{"\0\0\xff\xff\xff\xff\x7f", 7, "number of logs"},
		{"\0\0\1\x21inc_____\0", 12, "number of runs"},
		{"\0\1\xff\xff\xff\xff\x0f\1\0", 9, "beyond the largest"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(parse_rows(lies[i].bytes, lies[i].len, &err),
			ERR_CORRUPT);
		if (!strstr(err.text, lies[i].why))
			fail_msg("%zu: %s", i, err.text);
	}
}

static void the_account_log_is_not_compared(void **state)
{
	struct parcel_compare c = some(PARCEL_SKETCH);
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;
	struct err err = ERR_INIT;

	(void)state;
	c.folder = ID_ACCOUNT;
	parcel_add_compare(&b, SENDER, PARCEL_SKETCH, &c);
	assert_int_equal(
		parcel_parse(SENDER, b.data, b.len, &s, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.text, "folder"));
}

static void five_keys_are_asked_for_in_69_bytes(void **state)
{
	static const uint64_t five[] = {1, 2, 3, 4, 5};
	struct parcel_compare c = {
		.account = "alice",
		.folder = ID_INBOX,
		.kind = PARCEL_COMPARE_EXACT,
		.keys = five,
		.key_count = 5,
	};
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	parcel_add_compare(&b, SENDER, PARCEL_ROWS, &c);
	assert_int_equal(b.len, 69);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_section_comes_back),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(whatever_parses_is_spelled_in_the_one_way),
		cmocka_unit_test(counts_beyond_the_bytes_take_no_memory),
		cmocka_unit_test(the_account_log_is_not_compared),
		cmocka_unit_test(five_keys_are_asked_for_in_69_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
