/* medium: the texts and names of docs/format.md, Medium, and no others. */
#include "medium.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char marker[] = "packetboat medium 1\n"
			     "id 000102030405060708090a0b0c0d0e0f\n"
			     "sum 5431a9afe27b922e\n";
static const char manifest[] = "packetboat bundle 1\n"
			       "sender 0123456789abcdef\n"
			       "recipient fedcba9876543210\n"
			       "sequence 000000000000002a\n"
			       "size 0000000000012400\n"
			       "hash 000102030405060708090a0b0c0d0e0f10111213\n"
			       "sum 386aac80cab2e927\n";

static struct carrier_item some_item(void)
{
	struct carrier_item item = {.sender = 0x0123456789abcdef,
		.recipient = 0xfedcba9876543210,
		.sequence = 42,
		.size = 0x12400};

	for (size_t i = 0; i < HASH_SIZE; i++)
		item.hash.b[i] = (uint8_t)i;
	return item;
}

static void a_marker_is_the_text_of_the_format(void **state)
{
	char text[MEDIUM_MARKER_SIZE + 1];
	struct id128 id, got;

	(void)state;
	for (size_t i = 0; i < 16; i++)
		id.b[i] = (uint8_t)i;
	medium_marker_write(&id, text);
	assert_string_equal(text, marker);
	assert_int_equal(medium_marker_read(text, strlen(text), &got), 0);
	assert_true(id_equal(&id, &got));
}

static void a_manifest_is_the_text_of_the_format(void **state)
{
	char text[MEDIUM_MANIFEST_SIZE + 1];
	struct carrier_item item = some_item(), got;

	(void)state;
	medium_manifest_write(&item, text);
	assert_string_equal(text, manifest);
	assert_int_equal(medium_manifest_read(text, strlen(text), &got), 0);
	assert_true(got.sender == item.sender);
	assert_true(got.recipient == item.recipient);
	assert_true(got.sequence == item.sequence);
	assert_true(got.size == item.size);
	assert_memory_equal(got.hash.b, item.hash.b, HASH_SIZE);
}

/* Exactly len bytes on the heap, so that a read past them is seen. */
static int read_copy(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	struct carrier_item item;
	struct id128 id;
	int r;

	memcpy(copy, text, len);
	r = strncmp(text, "packetboat m", 12) == 0
		    ? medium_marker_read(copy, len, &id)
		    : medium_manifest_read(copy, len, &item);
	free(copy);
	return r;
}

static void another_text_is_neither(void **state)
{
	static const char *const texts[] = {marker, manifest};

	(void)state;
	for (int i = 0; i < 2; i++) {
		size_t len = strlen(texts[i]);
		char text[MEDIUM_MANIFEST_SIZE + 2];

		snprintf(text, sizeof(text), "%s", texts[i]);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(read_copy(text, cut), -1);
		assert_int_equal(read_copy(text, len), 0);
		assert_int_equal(read_copy(text, len + 1), -1);
		for (size_t at = 12; at < len * 255; at++) {
			char was = text[at / 255];

			text[at / 255] = (char)(was + 1 + (char)(at % 255));
			if (strncmp(text, texts[i], 12) == 0)
				assert_int_equal(read_copy(text, len), -1);
			text[at / 255] = was;
		}
	}
}

static void names_are_read_in_either_case(void **state)
{
	static const struct {
		const char *name;
		enum medium_kind kind;
	} names[] = {
		{"0123456789abcdef-000000000000002a.pb", MEDIUM_BUNDLE},
		{"0123456789ABCDEF-000000000000002A.PB", MEDIUM_BUNDLE},
		{"0123456789abcdef-000000000000002a.whole", MEDIUM_MANIFEST},
		{"0123456789ABCDEF-000000000000002a.wHole", MEDIUM_MANIFEST},
		{"0123456789abcdef-000000000000002a.tmp", MEDIUM_UNDER_WAY},
		{"0123456789abcdef-000000000000002a.WHOLE.TMP",
			MEDIUM_UNDER_WAY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t sender, sequence;

		assert_int_equal(
			medium_name_read(names[i].name, &sender, &sequence),
			names[i].kind);
		assert_true(sender == 0x0123456789abcdef);
		assert_true(sequence == 42);
	}
}

static void other_names_are_strange(void **state)
{
	static const char *const names[] = {
		"",
		"x",
		"packetboat.id",
		"0123456789abcdef",
		"0123456789abcdef-000000000000002a",
		"0123456789abcdef-000000000000002a.",
		"0123456789abcdef-000000000000002a.p",
		"0123456789abcdef-000000000000002a.pbx",
		"0123456789abcdef-000000000000002a.pb.tmp",
		"0123456789abcdef-000000000000002a-.pb",
		"0123456789abcdef_000000000000002a.pb",
		"123456789abcdef-000000000000002a.pb",
		"g123456789abcdef-000000000000002a.pb",
		"0x23456789abcdef-000000000000002a.pb",
		"+123456789abcdef-000000000000002a.pb",
		"0123456789abcdef-00000000000002a.pb",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t sender, sequence;

		if (medium_name_read(names[i], &sender, &sequence) !=
			MEDIUM_STRANGE)
			fail_msg("%s", names[i]);
	}
}

static void files_are_grouped_by_sender_and_sequence(void **state)
{
	static const char *const names[] = {
		"00000000000000bb-0000000000000001.whole",
		"00000000000000aa-0000000000000002.tmp",
		"00000000000000aa-0000000000000001.whole",
		"00000000000000AA-0000000000000001.PB",
		"readme",
		"00000000000000aa-0000000000000003.pb",
		"00000000000000AA-0000000000000003.pb",
	};
	struct medium_files files = {0};
	struct medium_group g;
	size_t next;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		os_list_add(&files.names, 8, 1, names[i]);
	medium_files_sort(&files);
	assert_int_equal(files.count, 6);
	assert_int_equal(files.strange, 1);
	next = medium_files_group(&files, 0, &g);
	assert_int_equal(next, 2);
	assert_string_equal(g.manifest->name, names[2]);
	assert_string_equal(g.bundle->name, names[3]);
	assert_false(g.twice);
	next = medium_files_group(&files, next, &g);
	assert_int_equal(next, 3);
	assert_true(!g.manifest && !g.bundle && !g.twice);
	next = medium_files_group(&files, next, &g);
	assert_int_equal(next, 5);
	assert_true(g.twice && g.bundle && !g.manifest);
	next = medium_files_group(&files, next, &g);
	assert_int_equal(next, 6);
	assert_string_equal(g.manifest->name, names[0]);
	medium_files_free(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_marker_is_the_text_of_the_format),
		cmocka_unit_test(a_manifest_is_the_text_of_the_format),
		cmocka_unit_test(another_text_is_neither),
		cmocka_unit_test(names_are_read_in_either_case),
		cmocka_unit_test(other_names_are_strange),
		cmocka_unit_test(files_are_grouped_by_sender_and_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
