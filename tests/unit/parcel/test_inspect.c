/* inspect: what people read of a parcel and a bundle. */
#include "bundle.h"
#include "err.h"
#include "inspect.h"
#include "parcel.h"
#include "simdisk.h"
#include "sites.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct sites sites;
static struct simdisk *disk;

static int set_up(void **state)
{
	(void)state;
	disk = simdisk_new(1);
	if (key_start(NULL) < 0)
		return -1;
	sites = sites_make();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	simdisk_free(disk);
	return 0;
}

/* A parcel from a to b with one section of each type. */
static struct buf some_parcel(void)
{
	uint64_t a = sites.a.pub.origin;
	struct parcel_ack_entry entry = {.applied = 8};
	struct parcel_want want = {.hash = hash_of("mail", 4), .offset = 77};
	struct parcel_ack ack = {.account = "alice",
		.incarnation = 0x55,
		.count = 3,
		.entries = &entry,
		.entry_count = 1,
		.wants = &want,
		.want_count = 1};
	struct parcel_body body = {.hash = hash_of("mail", 4),
		.size = 4,
		.data = (const uint8_t *)"mail",
		.len = 4};
	struct parcel_changes c = {.account = "alice",
		.base_ms = 1000,
		.first_lsn = 3,
		.payload = (const uint8_t *)"xyz",
		.len = 3};
	AUTO_BUF struct buf sections = BUF_INIT;
	struct buf parcel = BUF_INIT;

	c.from = (struct position){
		.log = {a, 0x66, ID_INBOX}, .lsn = 2, .chain = 0x10};
	c.to = (struct position){
		.log = {a, 0x66, ID_INBOX}, .lsn = 3, .chain = 0x20};
	entry.durable = (struct position){
		.log = {0x99, 0x77, {{0xab}}}, .lsn = 9, .chain = 0x30};
	parcel_add_ack(&sections, a, &ack);
	parcel_add_changes(&sections, a, &c);
	parcel_add_body(&sections, &body);
	assert_int_equal(parcel_seal(simdisk_os(disk), &sites.a, &sites.b.pub,
				 sections.data, sections.len, 3, &parcel, NULL),
		0);
	return parcel;
}

static void print_payload(
	void *ctx, const struct parcel_changes *c, struct buf *ret)
{
	buf_printf(ret, "    %s %.*s\n", (const char *)ctx, (int)c->len,
		(const char *)c->payload);
}

static struct inspect_keys keys_of_b(void)
{
	static char ctx[] = "payload";

	return (struct inspect_keys){.self = &sites.b,
		.peers = sites.b_knows,
		.peer_count = 2,
		.changes = print_payload,
		.ctx = ctx};
}

static void assert_text(struct buf *got, const char *want)
{
	assert_string_equal(buf_str(got), want);
}

static char *header_line(size_t len)
{
	return mem_printf("parcel from %016llx to %016llx sealed %zu bytes\n",
		(unsigned long long)sites.a.pub.origin,
		(unsigned long long)sites.b.pub.origin, len);
}

static void the_clear_header_needs_no_key(void **state)
{
	AUTO_BUF struct buf parcel = some_parcel();
	AUTO_FREE char *want = header_line(parcel.len);
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	parcel_print(parcel.data, parcel.len, &text);
	assert_text(&text, want);
}

static void what_is_no_parcel_is_said_to_be_none(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	parcel_print("hello, world", 12, &text);
	parcel_print("PBP\1", 4, &text);
	parcel_print(NULL, 0, &text);
	assert_text(&text, "not a parcel\n"
			   "parcel ends after 4 bytes\n"
			   "parcel ends after 0 bytes\n");
}

static void with_keys_every_section_is_a_line(void **state)
{
	struct inspect_keys keys = keys_of_b();
	AUTO_BUF struct buf parcel = some_parcel();
	AUTO_FREE char *head = header_line(parcel.len);
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_FREE char *want = NULL;
	struct hash hash = hash_of("mail", 4);
	char hex[HASH_HEX];

	(void)state;
	hash_hex(&hash, hex);
	want = mem_printf(
		"%s"
		"  ack account alice incarnation 0000000000000055 count 3\n"
		"    knows 0000000000000099/0000000000000077/"
		"ab000000000000000000000000000000 lsn 9 "
		"chain 0000000000000030 applied 8\n"
		"    wants %s from 77\n"
		"  changes account alice log %016llx/0000000000000066/INBOX "
		"lsn 2..3 chain 0000000000000010..0000000000000020 "
		"base 1000 first 3 payload 3 bytes\n"
		"    payload xyz\n"
		"  body %s size 4 piece 0..4\n",
		head, hex, (unsigned long long)sites.a.pub.origin, hex);
	parcel_print_open(parcel.data, parcel.len, &keys, &text);
	assert_text(&text, want);
}

static void what_the_keys_do_not_open_is_said(void **state)
{
	struct inspect_keys keys = keys_of_b();
	AUTO_BUF struct buf parcel = some_parcel();
	AUTO_FREE char *head = header_line(parcel.len);
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_FREE char *want = NULL;

	(void)state;
	keys.self = &sites.stranger;
	want = mem_printf(
		"%s  not opened: sealed for another site (origin %016llx)\n",
		head, (unsigned long long)sites.b.pub.origin);
	parcel_print_open(parcel.data, parcel.len, &keys, &text);
	assert_text(&text, want);
}

static void a_bundle_is_listed_up_to_where_it_is_torn(void **state)
{
	struct os *os = simdisk_os(disk);
	AUTO_BUF struct buf parcel = some_parcel();
	AUTO_FREE char *head = header_line(parcel.len);
	AUTO_FREE char *want = NULL;
	AUTO_BUF struct buf text = BUF_INIT;
	struct bundle_writer *w;
	struct err err = ERR_INIT;
	struct hash hash;
	uint64_t size;
	int fd = os->ops->open(os, "/bundle", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(bundle_writer_open(os, fd, "bundle", &w, &err), 0);
	assert_int_equal(
		bundle_writer_add(w, parcel.data, parcel.len, &err), 0);
	assert_int_equal(bundle_writer_add(w, "junk", 4, &err), 0);
	assert_int_equal(bundle_writer_finish(w, &size, &hash, &err), 0);
	want = mem_printf("entry 1 %sentry 2 not a parcel\n", head);
	assert_int_equal(bundle_print(os, fd, "bundle", NULL, &text, &err), 0);
	assert_text(&text, want);
	os->ops->ftruncate(os, fd, (int64_t)size - 1);
	buf_clear(&text);
	assert_int_equal(
		bundle_print(os, fd, "bundle", NULL, &text, &err), ERR_TORN);
	assert_text(&text, want);
	os->ops->close(os, fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clear_header_needs_no_key),
		cmocka_unit_test(what_is_no_parcel_is_said_to_be_none),
		cmocka_unit_test(with_keys_every_section_is_a_line),
		cmocka_unit_test(what_the_keys_do_not_open_is_said),
		cmocka_unit_test(a_bundle_is_listed_up_to_where_it_is_torn),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
