/*
 * Values and keys of rows: the values are those that the replica state sums
 * up to a folder's digest.
 */
#include "changemaker.h"
#include "err.h"
#include "keys.h"
#include "replica.h"
#include "simdisk.h"
#include "wire.h"

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t seed[RIBLT_SEED_SIZE] = "sixteen bytes..";

/* ---- beside the replica state ---- */

static struct log_id log_of(uint64_t origin)
{
	return (struct log_id){origin, 100 + origin, ID_INBOX};
}

static void put(struct replica *r, struct change *c)
{
	struct err err = ERR_INIT;
	struct replica_log log;

	assert_true(replica_log_get(r, &c->by.log, true, &log, &err) >= 0);
	if (replica_apply(r, c, &err) < 0)
		fail_msg("%s", err.text);
	log.known.lsn = c->by.lsn;
	assert_int_equal(replica_log_set(r, &log, &err), 0);
}

static struct change change_of(
	enum change_kind kind, uint64_t origin, uint64_t lsn)
{
	struct change c = change_blank(kind);

	c.by = (struct write_id){
		STAMP_OF(1000 + lsn, origin), log_of(origin), lsn};
	c.dot = (struct dot){log_of(origin), lsn};
	return c;
}

/*
 * Site 2 has two mails; site 3 was seeded with the first of them, and changes
 * its flags. What the row of that mail is then is written out here.
 */
static void fill(struct replica *r, struct row rows[2])
{
	static struct dot first[2], second[1];
	static struct row_write writes[3];
	struct change save = change_of(CHANGE_SAVE, 2, 1), c;

	save.base = "1795303762.M897062P14561.vm,S=5416";
	save.extra = "G1.2.3 Ppop";
	save.size = 5416;
	save.mtime = -7;
	save.hash.b[5] = 9;
	save.add = (struct flag_set){"S", ""};
	put(r, &save);
	rows[0] = (struct row){.base = save.base,
		.extra = save.extra,
		.size = save.size,
		.mtime = save.mtime,
		.hash = save.hash,
		.flags = {"FRS", "Work"},
		.place_stamp = save.by.stamp,
		.dots = first,
		.dot_count = 2,
		.writes = writes,
		.write_count = 3};
	first[0] = save.dot;
	c = change_of(CHANGE_SAVE, 2, 2);
	c.base = "other";
	c.hash.b[0] = 1;
	put(r, &c);
	second[0] = c.dot;
	rows[1] = (struct row){.base = c.base,
		.extra = "",
		.hash = c.hash,
		.flags = {"", ""},
		.place_stamp = c.by.stamp,
		.dots = second,
		.dot_count = 1};
	c = change_of(CHANGE_SAVE, 3, 1);
	c.base = save.base;
	c.extra = save.extra;
	c.size = save.size;
	c.mtime = save.mtime;
	c.hash = save.hash;
	put(r, &c);
	first[1] = c.dot;
	c = change_of(CHANGE_FLAGS, 3, 2);
	c.dot = first[0];
	c.add = (struct flag_set){"FR", "Work"};
	put(r, &c);
	for (size_t i = 0; i < 3; i++)
		writes[i] = (struct row_write){
			(const char *[]){"\\F", "\\R", "Work"}[i], true, c.by};
}

static void sum_values(const struct row *rows, size_t count, uint8_t ret[16])
{
	unsigned __int128 sum = 0;
	struct buf scratch = BUF_INIT, b = BUF_INIT;

	for (size_t i = 0; i < count; i++) {
		uint8_t value[KEYS_VALUE_SIZE];
		struct wire w;
		uint64_t low;

		keys_exact(&rows[i], &scratch, value);
		w = wire_over(value, sizeof(value));
		low = wire_u64(&w);
		sum += (unsigned __int128)wire_u64(&w) << 64 | low;
	}
	wire_add_u64(&b, (uint64_t)sum);
	wire_add_u64(&b, (uint64_t)(sum >> 64));
	memcpy(ret, b.data, 16);
	buf_free(&b);
	buf_free(&scratch);
}

static void exact_values_sum_up_to_the_digest(void **state)
{
	struct simdisk *disk = simdisk_new(1);
	struct err err = ERR_INIT;
	uint8_t digest[16], sum[16];
	struct replica *r;
	struct row rows[2];
	uint64_t messages;
	uint32_t uidnext;

	(void)state;
	assert_true(replica_open(simdisk_os(disk), "/state.db", "a", 1, true,
			    &r, &err) >= 0);
	assert_int_equal(replica_begin(r, &err), 0);
	fill(r, rows);
	assert_int_equal(replica_commit(r, &err), 0);
	assert_int_equal(replica_folder_sums(r, &ID_INBOX, &messages, &uidnext,
				 digest, &err),
		0);
	assert_int_equal(messages, 2);
	sum_values(rows, 2, sum);
	assert_memory_equal(sum, digest, 16);
	replica_close(r);
	simdisk_free(disk);
}

/* ---- values and keys ---- */

static struct row plain_row(void)
{
	static const struct dot dots[2] = {
		{{1, 2, {{3}}}, 4}, {{1, 2, {{3}}}, 5}};
	static const struct row_write writes[2] = {
		{"$Junk", true, {7, {1, 2, {{3}}}, 6}},
		{"\\S", false, {8, {1, 2, {{3}}}, 7}}};

	return (struct row){.uid = 9,
		.flags = {"F", "$Junk"},
		.dots = dots,
		.dot_count = 2,
		.writes = writes,
		.write_count = 2,
		.base = "base",
		.extra = "Pop",
		.size = 10,
		.mtime = 11,
		.place_stamp = 12};
}

static void every_field_of_a_row_is_in_its_exact_value(void **state)
{
	struct dot dots[2];
	struct row_write writes[2];
	struct row rows[17];
	uint8_t values[17][KEYS_VALUE_SIZE];
	struct buf scratch = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 17; i++) {
		struct row *row = &rows[i];

		*row = plain_row();
		memcpy(dots, row->dots, sizeof(dots));
		memcpy(writes, row->writes, sizeof(writes));
		row->dots = dots;
		row->writes = writes;
		switch (i) {
		case 1:
			row->uid++;
			break;
		case 2:
			row->flags.letters = "S";
			break;
		case 3:
			row->base = "bas";
			row->extra = "ePop";
			break;
		case 4:
			row->extra = "";
			break;
		case 5:
			row->size++;
			break;
		case 6:
			row->mtime++;
			break;
		case 7:
			row->hash.b[19] = 1;
			break;
		case 8:
			row->place_stamp++;
			break;
		case 9:
			row->dot_count--;
			break;
		case 10:
			dots[1].lsn++;
			break;
		case 11:
			dots[0].log.folder.b[15] = 1;
			break;
		case 12:
			row->write_count--;
			break;
		case 13:
			writes[0].value = false;
			break;
		case 14:
			writes[1].by.stamp++;
			break;
		case 15:
			writes[1].by.log.incarnation++;
			break;
		case 16:
			row->flags.keywords = "";
			break;
		}
		keys_exact(row, &scratch, values[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(
				values[i], values[k], KEYS_VALUE_SIZE);
	}
	buf_free(&scratch);
}

static void spelling_of_a_keyword_is_not_in_the_exact_value(void **state)
{
	struct row row = plain_row();
	struct row_write writes[2];
	uint8_t a[KEYS_VALUE_SIZE], b[KEYS_VALUE_SIZE];
	struct buf scratch = BUF_INIT;

	(void)state;
	keys_exact(&row, &scratch, a);
	memcpy(writes, row.writes, sizeof(writes));
	writes[0].name = row.flags.keywords = "$JUNK";
	row.writes = writes;
	keys_exact(&row, &scratch, b);
	assert_memory_equal(a, b, KEYS_VALUE_SIZE);
	buf_free(&scratch);
}

static void content_is_name_size_and_body(void **state)
{
	struct hash body = {{1}}, other = {{2}};
	uint8_t v[4][KEYS_VALUE_SIZE], again[KEYS_VALUE_SIZE];

	(void)state;
	keys_content("a", 1, &body, v[0]);
	keys_content("b", 1, &body, v[1]);
	keys_content("a", 2, &body, v[2]);
	keys_content("a", 1, &other, v[3]);
	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(v[i], v[k], KEYS_VALUE_SIZE);
	}
	keys_content("a", 1, &body, again);
	assert_memory_equal(v[0], again, KEYS_VALUE_SIZE);
}

static void another_seed_makes_another_key(void **state)
{
	static const uint8_t value[KEYS_VALUE_SIZE] = "value";
	uint8_t other[RIBLT_SEED_SIZE] = "sixteen bytes..";

	(void)state;
	assert_int_equal(keys_key(seed, value), keys_key(other, value));
	other[15] = 1;
	assert_int_not_equal(keys_key(seed, value), keys_key(other, value));
}

static void rows_with_one_key_get_the_same_other_keys_everywhere(void **state)
{
	struct keys_row here[] = {{7, 1}, {3, 2}, {7, 3}, {9, 4}, {7, 5}};
	struct keys_row there[] = {{7, 10}, {9, 20}, {7, 30}, {7, 40}, {3, 50}};

	(void)state;
	keys_sort(seed, here, 5);
	keys_sort(seed, there, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(here[i].key, there[i].key);
		assert_ptr_equal(keys_find(here, 5, here[i].key), &here[i]);
		if (i > 0)
			assert_true(here[i - 1].key < here[i].key);
	}
	assert_int_equal(keys_find(here, 5, 3)->id, 2);
	assert_null(keys_find(here, 5, 4));
	assert_null(keys_find(here, 0, 3));
	keys_sort(seed, here, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_values_sum_up_to_the_digest),
		cmocka_unit_test(every_field_of_a_row_is_in_its_exact_value),
		cmocka_unit_test(
			spelling_of_a_keyword_is_not_in_the_exact_value),
		cmocka_unit_test(content_is_name_size_and_body),
		cmocka_unit_test(another_seed_makes_another_key),
		cmocka_unit_test(
			rows_with_one_key_get_the_same_other_keys_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
