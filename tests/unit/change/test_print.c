/* Changes and statements as lines for people. */
#include "changemaker.h"

#include <setjmp.h>

#include <cmocka.h>

static void prints(const struct change *c, const char *line)
{
	struct buf text = BUF_INIT;

	change_print(c, &text);
	assert_string_equal(buf_str(&text), line);
	buf_free(&text);
}

static struct change *begin(struct change_batch *b, enum change_kind kind)
{
	struct change *c = change_add(b, kind);

	c->by.log = (struct log_id){0x9d, 0x1c, ID_INBOX};
	c->by.lsn = 17;
	c->by.stamp = STAMP_OF(1795316645678, 1);
	c->dot = (struct dot){c->by.log, 12};
	return c;
}

static void a_flag_change_reads_well(void **state)
{
	struct change_batch b = {0};
	struct change *c = begin(&b, CHANGE_FLAGS);

	(void)state;
	c->add = (struct flag_set){"ST", "$Forwarded work"};
	c->del = (struct flag_set){"F", ""};
	prints(c, "17 2026-11-22T03:04:05.678+1 flags 000000000000009d:12"
		  " +S +T +$Forwarded +work -F");
	c->by.stamp = 0;
	c->dot.log.incarnation = 0x1d;
	c->dot.log.folder = (struct id128){{0xab}};
	prints(c, "17 - flags 000000000000009d/000000000000001d"
		  "@ab000000000000000000000000000000:12"
		  " +S +T +$Forwarded +work -F");
	change_batch_free(&b);
}

static void a_message_reads_well(void **state)
{
	struct change_batch b = {0};
	struct change *c = begin(&b, CHANGE_COPY);

	(void)state;
	c->by.stamp = STAMP_OF(1795316645678, 0);
	c->dot.lsn = 17;
	c->source = (struct dot){c->by.log, 3};
	c->uid = 9;
	c->size = 5216;
	c->mtime = 1795303760;
	c->base = "1.a b\n\"";
	c->extra = "P1";
	c->add.letters = "S";
	prints(c, "17 2026-11-22T03:04:05.678 copy 000000000000009d:17"
		  " from 000000000000009d:3 uid 9 size 5216"
		  " date 2026-11-21T23:29:20"
		  " body 0000000000000000000000000000000000000000"
		  " name \"1.a b\\x0a\\x22\" +S extra \"P1\"");
	change_batch_free(&b);
}

static void folders_and_gaps_read_well(void **state)
{
	struct change_batch b = {0};
	struct change *c = begin(&b, CHANGE_SUBSCRIBE);

	(void)state;
	c->by.stamp = 0;
	c->folder = (struct id128){{1}};
	c->path = "A/B";
	prints(c, "17 - subscribe 01000000000000000000000000000000 \"A/B\" no");
	c->kind = CHANGE_GAP;
	c->first = 5;
	c->end = (struct position){c->by.log, 8, 0xff};
	c->reason = "bad checksum";
	prints(c, "17 - gap from 5 to 000000000000009d:8 chain 00000000000000ff"
		  " \"bad checksum\"");
	c->kind = (enum change_kind)63;
	prints(c, "17 - kind-63");
	change_batch_free(&b);
}

/* Whatever a peer wrote: printable ASCII only, and a date for every time. */
static void every_change_is_one_line(void **state)
{
	struct change_batch b = {0};
	struct buf text = BUF_INIT;
	struct maker m;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		maker_init(&m, seed, seed & 1);
		maker_batch(&m, &b, 50);
	}
	b.items[0].reason = b.items[0].path = b.items[0].base = "\x1b[2J\r\n";
	for (size_t i = 0; i < b.count; i++) {
		buf_clear(&text);
		change_print(&b.items[i], &text);
		assert_true(text.len > 10);
		for (size_t at = 0; at < text.len; at++)
			assert_true(
				text.data[at] >= 0x20 && text.data[at] < 0x7f);
	}
	buf_free(&text);
	change_batch_free(&b);
}

static void times_beyond_dates_are_numbers(void **state)
{
	struct change_batch b = {0};
	struct buf text = BUF_INIT;
	struct change *c = begin(&b, CHANGE_SAVE);

	(void)state;
	c->by.stamp = UINT64_MAX;
	c->mtime = INT64_MIN;
	change_print(c, &text);
	assert_non_null(strstr(buf_str(&text), "+65535 save"));
	assert_non_null(strstr(buf_str(&text), "date -9223372036854775808 "));
	buf_free(&text);
	change_batch_free(&b);
}

static void a_statement_reads_well(void **state)
{
	struct position vector[] = {
		{{1, 2, {{3}}}, 44, 5},
		{{6, 2, {{3}}}, 7, 8},
	};
	struct statement st = {.lsn = 9,
		.stamp = STAMP_OF(1795316645678, 0),
		.uidnext = 4327,
		.messages = 3,
		.vector = vector,
		.vector_count = 2};
	struct buf text = BUF_INIT;

	(void)state;
	statement_print(&st, &text);
	assert_string_equal(buf_str(&text),
		"9 2026-11-22T03:04:05.678 statement uidnext 4327 messages 3"
		" digest 00000000000000000000000000000000"
		" 0000000000000001/0000000000000002"
		"@03000000000000000000000000000000:44 chain 0000000000000005"
		" 0000000000000006/0000000000000002:7 chain 0000000000000008");
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_change_reads_well),
		cmocka_unit_test(a_message_reads_well),
		cmocka_unit_test(folders_and_gaps_read_well),
		cmocka_unit_test(every_change_is_one_line),
		cmocka_unit_test(times_beyond_dates_are_numbers),
		cmocka_unit_test(a_statement_reads_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
