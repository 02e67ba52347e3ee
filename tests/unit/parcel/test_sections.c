/* sections: what is added is parsed back, and nothing else is parsed. */
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

static struct position position(
	uint64_t origin, const struct id128 *folder, uint64_t lsn)
{
	return (struct position){.log = {.origin = origin,
					 .incarnation = 0x3333333333333333,
					 .folder = *folder},
		.lsn = lsn,
		.chain = lsn * 7777777777};
}

static struct parcel_changes some_changes(uint64_t origin)
{
	struct parcel_changes c = {
		.account = "alice@example.org",
		.from = position(origin, &ID_INBOX, 300),
		.to = position(origin, &ID_INBOX, 310),
		.base_ms = 1795303760123,
		.first_lsn = 301,
		.payload = (const uint8_t *)"payload",
		.len = 7,
	};

	return c;
}

static struct parcel_ack_entry entries[] = {
	{.applied = 9},
	{.applied = 0},
	{.applied = 20},
	{.applied = 1},
};
static struct parcel_want wants[] = {
	{.hash = {{1, 2, 3}}, .offset = 0},
	{.hash = {{4, 5, 6}}, .offset = INT64_MAX, .previewed = true},
};

static struct parcel_late late[5] = {
	{.folder = {{2}}, .uidnext = 300, .uid = 7},
	{.folder = {{2}}, .uidnext = 300, .uid = UINT32_MAX},
	{.folder = {{2}}, .uidnext = 300, .uid = 8},
	{.folder = {{3}}, .uidnext = UINT32_MAX, .uid = 1},
	{.folder = {{3}}, .uidnext = UINT32_MAX, .uid = 2},
};

static void fill_late(void)
{
	struct log_id log = {
		.origin = OTHER, .incarnation = 1, .folder = {{2}}};

	late[0].dot = (struct dot){log, 12};
	late[1].dot = (struct dot){log, 212};
	log.incarnation = 2;
	late[2].dot = (struct dot){log, 5};
	late[3].dot = (struct dot){log, 3};
	log.folder = (struct id128){{4}};
	late[4].dot = (struct dot){log, UINT64_MAX};
}

static struct parcel_ack some_ack(void)
{
	static const struct id128 folder = {{9, 9, 9}};

	fill_late();
	entries[0].durable = position(OTHER, &ID_INBOX, 9);
	entries[1].durable = position(OTHER, &folder, 12);
	entries[2].durable = position(SENDER, &ID_ACCOUNT, 20);
	entries[3].durable = position(SENDER + 1, &folder, UINT64_MAX);
	entries[3].durable.log.incarnation = 4;
	return (struct parcel_ack){
		.account = "bob",
		.incarnation = 5,
		.count = 6,
		.entries = entries,
		.entry_count = 4,
		.wants = wants,
		.want_count = 2,
		.wants_more = true,
		.late = late,
		.late_count = 5,
		.relays = true,
	};
}

static void add_body(struct buf *b, const char *bytes, size_t from, size_t len)
{
	size_t size = strlen(bytes);

	parcel_add_body(b, &(struct parcel_body){
				   .hash = hash_of(bytes, size),
				   .size = size,
				   .offset = from,
				   .data = (const uint8_t *)bytes + from,
				   .len = len,
			   });
}

static struct parcel_sections parsed(const struct buf *b)
{
	struct parcel_sections s;
	struct err err = ERR_INIT;

	if (parcel_parse(SENDER, b->data, b->len, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static void assert_position(const struct position *a, const struct position *b)
{
	assert_int_equal(log_id_cmp(&a->log, &b->log), 0);
	assert_true(a->lsn == b->lsn && a->chain == b->chain);
}

static void what_is_in_brief_comes_back(void **state)
{
	struct parcel_changes c = some_changes(SENDER);
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;

	(void)state;
	c.brief = (const uint8_t *)"as lib/compare has it";
	for (c.brief_len = 0; c.brief_len < 20; c.brief_len += 19)
		parcel_add_changes(&b, SENDER, &c);
	s = parsed(&b);
	assert_int_equal(s.count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct parcel_changes *got = &s.items[i].changes;

		assert_int_equal(s.items[i].type, PARCEL_BRIEF);
		assert_position(&got->to, &c.to);
		assert_int_equal(got->brief_len, 19 * i);
		assert_memory_equal(got->brief, c.brief, got->brief_len);
		assert_int_equal(got->len, c.len);
		assert_memory_equal(got->payload, c.payload, c.len);
	}
	parcel_sections_free(&s);
}

static void changes_come_back(void **state)
{
	static const struct id128 folders[] = {
		{{0}}, {{'I', 'N', 'B', 'O', 'X'}}, {{1, 2, 3}}};
	static const uint64_t origins[] = {SENDER, OTHER};
	static const uint64_t lsns[] = {0, 1, 200, UINT64_MAX - 10};
	struct parcel_end ends[] = {{0, 0xfedcba98u}, {0, 1}};

	(void)state;
	for (size_t i = 0; i < 3 * 2 * 4; i++) {
		struct parcel_changes c = some_changes(origins[i % 2]);
		AUTO_BUF struct buf b = BUF_INIT;
		struct parcel_sections s;
		const struct parcel_changes *got;

		c.from = position(
			origins[i % 2], &folders[i / 2 % 3], lsns[i / 6]);
		c.to = c.from;
		c.to.lsn += i % 11;
		c.to.chain = i;
		c.first_lsn = i % 5 ? c.from.lsn + 1 : i;
		c.ends = ends;
		c.end_count = i % 11 > 2 ? i % 3 : 0;
		c.unasked = i % 4 > 1;
		c.part = i % 3 == 1;
		c.again = i % 4 == 3 ? c.to.lsn + (i < 12) : 0;
		for (size_t k = 0; k < c.end_count; k++)
			ends[k].lsn = c.from.lsn + 1 + k;
		parcel_add_changes(&b, SENDER, &c);
		s = parsed(&b);
		assert_int_equal(s.count, 1);
		assert_int_equal(s.items[0].type, PARCEL_CHANGES);
		got = &s.items[0].changes;
		assert_string_equal(got->account, c.account);
		assert_position(&got->from, &c.from);
		assert_position(&got->to, &c.to);
		assert_true(got->base_ms == c.base_ms);
		assert_true(got->first_lsn == c.first_lsn);
		assert_true(got->unasked == c.unasked);
		assert_true(got->part == c.part);
		assert_true(got->again == c.again);
		assert_int_equal(got->end_count, c.end_count);
		for (size_t k = 0; k < c.end_count; k++) {
			assert_true(got->ends[k].lsn == ends[k].lsn);
			assert_int_equal(got->ends[k].chain, ends[k].chain);
		}
		assert_int_equal(got->len, c.len);
		assert_memory_equal(got->payload, c.payload, c.len);
		parcel_sections_free(&s);
	}
}

static void a_whole_body_travels_without_its_name_and_gets_it_back(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;
	struct hash hash = hash_of("From: me\n\nhi\n", 13);

	(void)state;
	add_body(&b, "From: me\n\nhi\n", 0, 13);
	assert_int_equal(b.len, 3 + 13);
	s = parsed(&b);
	assert_int_equal(s.items[0].type, PARCEL_BODY);
	assert_memory_equal(s.items[0].body.hash.b, hash.b, HASH_SIZE);
	assert_int_equal(s.items[0].body.size, 13);
	assert_int_equal(s.items[0].body.offset, 0);
	assert_int_equal(s.items[0].body.len, 13);
	assert_memory_equal(s.items[0].body.data, "From: me\n\nhi\n", 13);
	parcel_sections_free(&s);
}

static void pieces_come_back_at_their_places(void **state)
{
	static const char mail[] = "From: me\n\nhi\n";
	AUTO_BUF struct buf b = BUF_INIT;
	struct hash hash = hash_of(mail, 13);
	struct parcel_sections s;

	(void)state;
	add_body(&b, mail, 0, 12);
	add_body(&b, mail, 1, 12);
	add_body(&b, mail, 5, 0);
	add_body(&b, mail, 13, 0);
	s = parsed(&b);
	assert_int_equal(s.count, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct parcel_body *body = &s.items[i].body;
		static const size_t offsets[] = {0, 1, 5, 13};
		static const size_t lens[] = {12, 12, 0, 0};

		assert_memory_equal(body->hash.b, hash.b, HASH_SIZE);
		assert_int_equal(body->size, 13);
		assert_int_equal(body->offset, offsets[i]);
		assert_int_equal(body->len, lens[i]);
		assert_memory_equal(body->data, mail + offsets[i], lens[i]);
	}
	parcel_sections_free(&s);
}

static void an_empty_body_is_a_body(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct hash hash = hash_of("", 0);
	struct parcel_sections s;

	(void)state;
	add_body(&b, "", 0, 0);
	s = parsed(&b);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.items[0].body.size, 0);
	assert_memory_equal(s.items[0].body.hash.b, hash.b, HASH_SIZE);
	parcel_sections_free(&s);
}

static void damage_at_the_sender_is_seen_by_the_reader(void **state)
{
	struct parcel_body body = {
		.hash = hash_of("what it was", 11),
		.size = 11,
		.data = (const uint8_t *)"what it is!",
		.len = 11,
	};
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;

	(void)state;
	parcel_add_body(&b, &body);
	s = parsed(&b);
	assert_memory_equal(s.items[0].body.hash.b, body.hash.b, HASH_SIZE);
	assert_memory_equal(s.items[0].body.data, "what it is!", 11);
	parcel_sections_free(&s);
}

static void an_acknowledgement_comes_back(void **state)
{
	struct parcel_ack ack = some_ack();
	AUTO_BUF struct buf b = BUF_INIT;
	const struct parcel_ack *got;
	struct parcel_sections s;

	(void)state;
	parcel_add_ack(&b, SENDER, &ack);
	s = parsed(&b);
	assert_int_equal(s.items[0].type, PARCEL_ACK);
	got = &s.items[0].ack;
	assert_string_equal(got->account, "bob");
	assert_true(got->incarnation == 5 && got->count == 6);
	assert_int_equal(got->entry_count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_position(&got->entries[i].durable, &entries[i].durable);
		assert_true(got->entries[i].applied == entries[i].applied);
	}
	assert_int_equal(got->want_count, 2);
	assert_true(got->wants_more);
	for (size_t i = 0; i < 2; i++) {
		assert_memory_equal(
			got->wants[i].hash.b, wants[i].hash.b, HASH_SIZE);
		assert_true(got->wants[i].offset == wants[i].offset);
		assert_true(got->wants[i].previewed == wants[i].previewed);
	}
	assert_int_equal(got->late_count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_true(id_equal(&got->late[i].folder, &late[i].folder));
		assert_int_equal(dot_cmp(&got->late[i].dot, &late[i].dot), 0);
		assert_true(got->late[i].uidnext == late[i].uidnext);
		assert_true(got->late[i].uid == late[i].uid);
	}
	parcel_sections_free(&s);
}

static void a_preview_comes_back(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;

	(void)state;
	parcel_add_preview(&b, &(struct parcel_preview){.account = "bob",
				       .held = {{7, 8}},
				       .data = (const uint8_t *)"x",
				       .len = 1});
	s = parsed(&b);
	assert_int_equal(s.items[0].type, PARCEL_PREVIEW);
	assert_string_equal(s.items[0].preview.account, "bob");
	assert_int_equal(s.items[0].preview.held.b[1], 8);
	assert_int_equal(s.items[0].preview.len, 1);
	assert_int_equal(*s.items[0].preview.data, 'x');
	parcel_sections_free(&s);
}

static void an_empty_acknowledgement_comes_back(void **state)
{
	struct parcel_ack ack = {.account = "bob"};
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;

	(void)state;
	parcel_add_ack(&b, SENDER, &ack);
	s = parsed(&b);
	assert_int_equal(s.items[0].ack.entry_count, 0);
	assert_int_equal(s.items[0].ack.want_count, 0);
	assert_false(s.items[0].ack.wants_more);
	parcel_sections_free(&s);
}

static void folders_of_one_log_are_acknowledged_in_27_bytes_each(void **state)
{
	struct parcel_ack_entry two[2] = {0};
	struct parcel_ack ack = {.account = "bob", .entries = two};
	AUTO_BUF struct buf one = BUF_INIT;
	AUTO_BUF struct buf both = BUF_INIT;
	static const struct id128 folder = {{9}};

	(void)state;
	two[0].durable = position(OTHER, &ID_INBOX, 9);
	two[1].durable = position(OTHER, &folder, 9);
	two[0].applied = two[1].applied = 9;
	ack.entry_count = 1;
	parcel_add_ack(&one, SENDER, &ack);
	ack.entry_count = 2;
	parcel_add_ack(&both, SENDER, &ack);
	assert_int_equal(both.len - one.len, 1 + 16 + 1 + 8 + 1);
}

static struct parcel_stated stated[] = {
	{.folder = {{3}}, .messages = 300, .digest = 0x0102030405060708},
	{.folder = {{'I', 'N', 'B', 'O', 'X'}}, .messages = 0, .digest = 0},
	{.folder = {{'I', 'N', 'B', 'O', 'Y'}},
		.messages = UINT64_MAX,
		.digest = UINT64_MAX},
};

static struct parcel_statement some_statement(void)
{
	return (struct parcel_statement){.account = "bob",
		.vector = 0x9876543210fedcba,
		.folders = stated,
		.count = 3};
}

static void a_statement_comes_back(void **state)
{
	struct parcel_statement said = some_statement();
	AUTO_BUF struct buf b = BUF_INIT;
	const struct parcel_statement *got;
	struct parcel_sections s;

	(void)state;
	parcel_add_statement(&b, NULL, &said);
	s = parsed(&b);
	assert_int_equal(s.items[0].type, PARCEL_STATEMENT);
	got = &s.items[0].statement;
	assert_string_equal(got->account, "bob");
	assert_true(got->vector == said.vector);
	assert_int_equal(got->count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(
			&got->folders[i].folder, &stated[i].folder, 16);
		assert_true(got->folders[i].messages == stated[i].messages);
		assert_true(got->folders[i].digest == stated[i].digest);
	}
	parcel_sections_free(&s);
}

static void a_statement_behind_the_changes_it_is_of_takes_22_bytes(void **state)
{
	static const struct id128 folder = {{9, 9, 9}};
	struct parcel_stated of = {.folder = folder, .messages = 4000};
	struct parcel_statement said = {
		.account = "alice@example.org", .folders = &of, .count = 1};
	struct parcel_changes c = some_changes(SENDER);
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;

	(void)state;
	c.from.log.folder = c.to.log.folder = folder;
	parcel_add_changes(&b, SENDER, &c);
	size_t len = b.len;
	parcel_add_statement(&b, &c, &said);
	assert_int_equal(b.len - len, 2 + 1 + 8 + 1 + 2 + 8);
	s = parsed(&b);
	assert_string_equal(s.items[1].statement.account, said.account);
	assert_memory_equal(
		&s.items[1].statement.folders[0].folder, &folder, 16);
	parcel_sections_free(&s);
}

static void nothing_parses_to_nothing(void **state)
{
	struct parcel_sections s;

	(void)state;
	assert_int_equal(parcel_parse(SENDER, NULL, 0, &s, NULL), 0);
	assert_int_equal(s.count, 0);
	parcel_sections_free(&s);
}

/* One of each, in the order of a real parcel. */
static void add_preview(struct buf *b, size_t len)
{
	static const struct hash held = {{7, 8}};

	parcel_add_preview(b, &(struct parcel_preview){.account = "bob",
				      .held = held,
				      .data = (const uint8_t *)"some preview",
				      .len = len});
}

static void add_all(struct buf *b)
{
	struct parcel_ack ack = some_ack();
	struct parcel_changes c = some_changes(OTHER);

	parcel_add_ack(b, SENDER, &ack);
	parcel_add_changes(b, SENDER, &c);
	c.unasked = true;
	c.again = c.to.lsn + 7;
	parcel_add_changes(b, SENDER, &c);
	c.unasked = false;
	c.again = 0;
	add_body(b, "From: me\n\nhi\n", 0, 13);
	add_body(b, "From: me\n\nhi\n", 2, 5);
	struct parcel_statement said = some_statement();
	parcel_add_statement(b, NULL, &said);
	c.account = said.account;
	c.from.log.folder = c.to.log.folder = stated[0].folder;
	parcel_add_changes(b, SENDER, &c);
	parcel_add_statement(b, &c, &said);
	add_preview(b, 11);
}

static void add_again(struct buf *to, const struct parcel_changes *before,
	const struct parcel_section *s)
{
	if (s->type == PARCEL_CHANGES || s->type == PARCEL_BRIEF)
		parcel_add_changes(to, SENDER, &s->changes);
	else if (s->type == PARCEL_BODY)
		parcel_add_body(to, &s->body);
	else if (s->type == PARCEL_STATEMENT)
		parcel_add_statement(to, before, &s->statement);
	else if (s->type == PARCEL_ACK)
		parcel_add_ack(to, SENDER, &s->ack);
	else if (s->type == PARCEL_PREVIEW)
		parcel_add_preview(to, &s->preview);
	else
		parcel_add_compare(to, SENDER, s->type, &s->compare);
}

static void every_truncation_inside_a_section_is_refused(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections all;

	(void)state;
	add_all(&b);
	all = parsed(&b);
	assert_int_equal(whole_cuts(&b), 9); /* cut behind 0, 1 … 8 sections */
	parcel_sections_free(&all);
}

static void whatever_parses_is_spelled_in_the_one_way(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	add_all(&b);
	for (size_t i = 0; i < 255 * b.len; i++) {
		AUTO_BUF struct buf again = BUF_INIT;
		uint8_t *byte = &b.data[i / 255], was = *byte;
		struct parcel_sections s;
		uint8_t *copy;

		*byte = (uint8_t)(was + i % 255 + 1);
		if (parse_copy(b.data, b.len, &s, &copy) == 0) {
			for (size_t j = 0; j < s.count; j++) {
				struct parcel_section *one = &s.items[j];
				bool changes =
					j && one[-1].type == PARCEL_CHANGES;

				add_again(&again,
					changes ? &one[-1].changes : NULL, one);
			}
			assert_int_equal(again.len, b.len);
			assert_memory_equal(again.data, b.data, b.len);
			parcel_sections_free(&s);
		}
		free(copy);
		*byte = was;
	}
}

/* ---- one lie at a time ---- */

static void refuse(
	const struct buf *section, uint8_t type, int code, const char *reason)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct parcel_sections s;
	int r;

	buf_add_byte(&b, type);
	wire_add_bytes(&b, section->data, section->len);
	r = parcel_parse(SENDER, b.data, b.len, &s, &err);
	if (r != code || !strstr(err.text, reason))
		fail_msg("%d, not %d (%s): %s", r, code, reason, err.text);
	assert_null(s.items);
}

static void late_messages_are_told_up_to_a_limit(void **state)
{
	AUTO_FREE struct parcel_late *many =
		mem_array(PARCEL_LATE_MAX, sizeof(*many));
	struct parcel_ack ack = {
		.account = "bob", .late = many, .late_count = PARCEL_LATE_MAX};
	AUTO_BUF struct buf b = BUF_INIT;
	struct parcel_sections s;

	(void)state;
	for (size_t i = 0; i < PARCEL_LATE_MAX; i++) {
		many[i] = late[0];
		many[i].dot = (struct dot){
			{.origin = OTHER, .incarnation = 1}, i + 1};
	}
	parcel_add_ack(&b, SENDER, &ack);
	s = parsed(&b);
	assert_int_equal(s.items[0].ack.late_count, PARCEL_LATE_MAX);
	parcel_sections_free(&s);
	/* One more: of the same log, the next lsn, UID 1. */
	AUTO_BUF struct buf more = BUF_INIT;
	struct wire w = wire_over(b.data, b.len);
	size_t len;

	wire_u8(&w);
	const uint8_t *bytes = wire_bytes(&w, SIZE_MAX, &len);
	buf_add(&more, bytes, len);
	buf_add(&more, "\2\1\1", 3);
	refuse(&more, PARCEL_ACK, ERR_CORRUPT, "late");
}

static void an_account_that_is_no_directory_name_is_refused(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "a/b", "../b", "a\nb", "a\177b", "\x1b[2J"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_BUF struct buf ack = BUF_INIT;

		wire_add_bytes(&ack, bad[i], strlen(bad[i]));
		memset(buf_room(&ack, 11), 0, 11);
		ack.len += 11;
		refuse(&ack, PARCEL_ACK, ERR_CORRUPT, "account name");
		refuse(&ack, PARCEL_CHANGES, ERR_CORRUPT, "account name");
	}
	{
		AUTO_BUF struct buf ack = BUF_INIT;

		wire_add_bytes(&ack, "a\0b", 3);
		refuse(&ack, PARCEL_ACK, ERR_CORRUPT, "account name");
	}
	{
		AUTO_BUF struct buf ack = BUF_INIT;

		wire_add_varint(&ack, PARCEL_ACCOUNT_MAX + 1);
		memset(buf_room(&ack, 300), 'a', 300);
		ack.len += 300;
		refuse(&ack, PARCEL_ACK, ERR_CORRUPT, "account name");
	}
}

static void an_unknown_type_is_from_a_newer_packetboat(void **state)
{
	AUTO_BUF struct buf any = BUF_INIT;

	(void)state;
	buf_add_byte(&any, 0);
	refuse(&any, 0, ERR_LIMIT, "newer");
	refuse(&any, 14, ERR_LIMIT, "newer");
	refuse(&any, 255, ERR_LIMIT, "newer");
}

/* An acknowledgement's head up to the number of entries. */
static struct buf ack_head(void)
{
	struct buf b = BUF_INIT;

	wire_add_bytes(&b, "bob", 3);
	wire_add_u64(&b, 5);
	wire_add_varint(&b, 6);
	return b;
}

static void a_count_beyond_the_bytes_is_refused_before_memory_is_taken(
	void **state)
{
	static const uint64_t counts[] = {1, 1000, 1u << 30, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		AUTO_BUF struct buf b = ack_head();
		AUTO_BUF struct buf w = ack_head();

		/* times 2: the lowest bits are no part of them */
		wire_add_varint(&b, counts[i] + (i == 0));
		refuse(&b, PARCEL_ACK, ERR_CORRUPT, "number of entries");
		wire_add_varint(&w, 0);
		wire_add_varint(&w, counts[i] + (i == 0));
		refuse(&w, PARCEL_ACK, ERR_CORRUPT, "number of wants");
	}
}

static void a_preview_without_bytes_or_with_too_many_is_refused(void **state)
{
	static const struct hash held = {{1, 2, 3}};
	AUTO_BUF struct buf b = BUF_INIT, long_one = BUF_INIT;

	(void)state;
	wire_add_bytes(&b, "bob", 3);
	buf_add(&b, held.b, HASH_SIZE - 1);
	refuse(&b, PARCEL_PREVIEW, ERR_CORRUPT, "cut");
	buf_add(&b, held.b, 1);
	refuse(&b, PARCEL_PREVIEW, ERR_CORRUPT, "cut");
	buf_add(&long_one, b.data, b.len);
	for (size_t i = 0; i <= PARCEL_PREVIEW_MAX; i++)
		buf_add_byte(&long_one, 'x');
	refuse(&long_one, PARCEL_PREVIEW, ERR_CORRUPT, "too long");
}

static void more_applied_than_known_is_refused(void **state)
{
	AUTO_BUF struct buf b = ack_head();

	(void)state;
	wire_add_varint(&b, 1 << 1);
	buf_add_byte(&b, 0x21); /* the sender's INBOX */
	wire_add_u64(&b, 3);	/* incarnation */
	wire_add_varint(&b, 7);
	wire_add_u64(&b, 0);
	wire_add_varint(&b, 8);
	wire_add_varint(&b, 0);
	refuse(&b, PARCEL_ACK, ERR_CORRUPT, "entry");
}

static void bytes_after_an_acknowledgement_are_refused(void **state)
{
	AUTO_BUF struct buf b = ack_head();

	(void)state;
	wire_add_varint(&b, 0);
	wire_add_varint(&b, 0);
	buf_add_byte(&b, 0);
	refuse(&b, PARCEL_ACK, ERR_CORRUPT, "came late is malformed");
}

static void lsns_do_not_run_over(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	wire_add_bytes(&b, "bob", 3);
	buf_add_byte(&b, 0x21);
	wire_add_u64(&b, 3);
	wire_add_varint(&b, UINT64_MAX);
	wire_add_u64(&b, 0);
	wire_add_varint(&b, 1);
	wire_add_u64(&b, 0);
	wire_add_varint(&b, 0);
	wire_add_varint(&b, 0);
	refuse(&b, PARCEL_CHANGES, ERR_CORRUPT, "largest");

	/* Nor does the end of what is handed over again: (lsn)…(lsn) + 2. */
	AUTO_BUF struct buf again = BUF_INIT;

	wire_add_varint(&again, 3);
	wire_add_bytes(&again, "bob", 3);
	buf_add_byte(&again, 0x21);
	wire_add_u64(&again, 3);
	wire_add_varint(&again, UINT64_MAX - 1);
	wire_add_u64(&again, 0);
	wire_add_varint(&again, 0);
	wire_add_u64(&again, 0);
	wire_add_varint(&again, 0);
	wire_add_varint(&again, 0);
	wire_add_varint(&again, 0);
	refuse(&again, 10, ERR_CORRUPT, "largest");
}

static void a_whole_body_has_one_spelling(void **state)
{
	static const char bytes[] = "whole";
	struct hash hash = hash_of(bytes, 5);
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	wire_add_varint(&b, 1);
	buf_add(&b, hash.b, HASH_SIZE);
	wire_add_varint(&b, 5);
	buf_add_str(&b, bytes);
	refuse(&b, PARCEL_BODY, ERR_CORRUPT, "spelled as a piece");
}

static void a_piece_beyond_its_body_is_refused(void **state)
{
	static const struct {
		uint64_t place, size;
		const char *data;
	} bad[] = {
		{1, 3, "four"},
		{2, 4, "four"},
		{6, 4, ""},
		{UINT64_MAX, 4, ""},
		{UINT64_MAX, UINT64_MAX, ""},
		{1, UINT64_MAX, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT;
		struct hash hash = {{0}};

		wire_add_varint(&b, bad[i].place);
		buf_add(&b, hash.b, HASH_SIZE);
		wire_add_varint(&b, bad[i].size);
		buf_add_str(&b, bad[i].data);
		refuse(&b, PARCEL_BODY, ERR_CORRUPT, "beyond the body");
	}
}

static void a_log_before_the_first_is_refused(void **state)
{
	static const uint8_t hows[] = {0x02, 0x08, 0x0a, 0x22, 0x28};

	(void)state;
	for (size_t i = 0; i < sizeof(hows); i++) {
		AUTO_BUF struct buf b = BUF_INIT;

		wire_add_bytes(&b, "bob", 3);
		buf_add_byte(&b, hows[i]);
		memset(buf_room(&b, 60), 0, 60);
		b.len += 60;
		refuse(&b, PARCEL_CHANGES, ERR_CORRUPT, "head");
	}
}

static void the_reason_names_the_section(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct parcel_sections s;

	(void)state;
	add_body(&b, "body", 0, 4);
	buf_add(&b, "\3\1\0", 3);
	assert_int_equal(
		parcel_parse(SENDER, b.data, b.len, &s, &err), ERR_CORRUPT);
	assert_string_equal(err.text,
		"section 2: acknowledgement: account name is malformed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_come_back),
		cmocka_unit_test(what_is_in_brief_comes_back),
		cmocka_unit_test(
			a_whole_body_travels_without_its_name_and_gets_it_back),
		cmocka_unit_test(pieces_come_back_at_their_places),
		cmocka_unit_test(an_empty_body_is_a_body),
		cmocka_unit_test(damage_at_the_sender_is_seen_by_the_reader),
		cmocka_unit_test(an_acknowledgement_comes_back),
		cmocka_unit_test(late_messages_are_told_up_to_a_limit),
		cmocka_unit_test(a_preview_comes_back),
		cmocka_unit_test(an_empty_acknowledgement_comes_back),
		cmocka_unit_test(
			folders_of_one_log_are_acknowledged_in_27_bytes_each),
		cmocka_unit_test(a_statement_comes_back),
		cmocka_unit_test(
			a_statement_behind_the_changes_it_is_of_takes_22_bytes),
		cmocka_unit_test(nothing_parses_to_nothing),
		cmocka_unit_test(every_truncation_inside_a_section_is_refused),
		cmocka_unit_test(whatever_parses_is_spelled_in_the_one_way),
		cmocka_unit_test(
			an_account_that_is_no_directory_name_is_refused),
		cmocka_unit_test(an_unknown_type_is_from_a_newer_packetboat),
		cmocka_unit_test(
			a_count_beyond_the_bytes_is_refused_before_memory_is_taken),
		cmocka_unit_test(
			a_preview_without_bytes_or_with_too_many_is_refused),
		cmocka_unit_test(more_applied_than_known_is_refused),
		cmocka_unit_test(bytes_after_an_acknowledgement_are_refused),
		cmocka_unit_test(lsns_do_not_run_over),
		cmocka_unit_test(a_whole_body_has_one_spelling),
		cmocka_unit_test(a_piece_beyond_its_body_is_refused),
		cmocka_unit_test(a_log_before_the_first_is_refused),
		cmocka_unit_test(the_reason_names_the_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
