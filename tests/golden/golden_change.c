/*
 * golden_change: payloads of changes and statements, good and bad.
 *
 * good/changes-x.payload is what change_encode makes of the changes written
 * here, or bytes written out by hand from docs/format.md; beside it in
 * good/changes-x.txt what is read back, a line for each change. Beside
 * bad/changes-x.payload in bad/changes-x.error why it is refused. The same
 * for statement-x.
 */
#include "change.h"
#include "err.h"
#include "golden.h"

#include <string.h>

#define BASE_MS UINT64_C(1795303760678)
#define OTHER_FOLDER ((struct id128){{0xad, 0x2d, 0xa9, 0x35, 0x50, 0x29}})
#define THIRD_FOLDER ((struct id128){{0x77, 0x77}})

static struct change_context context(const char *name)
{
	bool account = strstr(name, "-account") != NULL;

	return (struct change_context){
		.log = {0x0102030405060708, 0x1112131415161718,
			account ? ID_ACCOUNT : ID_INBOX},
		.first_lsn = 500,
		.base_ms = BASE_MS};
}

static bool is_statement(const char *name)
{
	return strncmp(name, "statement-", 10) == 0;
}

/* Read a payload: its text, and what it is encoded to again. */
static int read_payload(const char *name, const struct buf *payload,
	struct buf *ret_text, struct buf *ret_again, struct err *err)
{
	struct change_context ctx = context(name);
	struct change_batch batch = {0};
	struct statement st;
	int rc;

	if (is_statement(name)) {
		rc = statement_decode(payload->data, payload->len, &st, err);
		if (rc < 0)
			return rc;
		statement_print(&st, ret_text);
		buf_add_byte(ret_text, '\n');
		statement_encode(&st, ret_again);
		statement_free(&st);
		return 0;
	}
	rc = change_decode(&ctx, payload->data, payload->len, &batch, err);
	for (size_t i = 0; i < batch.count; i++) {
		change_print(&batch.items[i], ret_text);
		buf_add_byte(ret_text, '\n');
	}
	if (rc == 0)
		change_encode(&ctx, batch.items, batch.count, ret_again);
	change_batch_free(&batch);
	return rc;
}

static void check_good(
	struct golden *g, const char *name, const struct buf *payload)
{
	AUTO_FREE char *path = mem_printf("good/%s.payload", name);
	AUTO_FREE char *beside = mem_printf("good/%s.txt", name);
	AUTO_BUF struct buf text = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;

	golden_check(g, path, payload->data, payload->len);
	golden_expect(g, read_payload(name, payload, &text, &again, &err) == 0,
		path, err.text);
	golden_expect(g,
		again.len == payload->len &&
			memcmp(again.data, payload->data, again.len) == 0,
		path, "is not encoded to the same bytes");
	golden_check(g, beside, text.data, text.len);
}

static void check_bad(
	struct golden *g, const char *name, const void *bytes, size_t len)
{
	AUTO_FREE char *path = mem_printf("bad/%s.payload", name);
	AUTO_FREE char *beside = mem_printf("bad/%s.error", name);
	AUTO_BUF struct buf payload = BUF_INIT, text = BUF_INIT;
	AUTO_BUF struct buf again = BUF_INIT;
	struct err err = ERR_INIT;

	buf_add(&payload, bytes, len);
	golden_check(g, path, payload.data, payload.len);
	golden_expect(g, read_payload(name, &payload, &text, &again, &err) < 0,
		path, "is read without an error");
	buf_clear(&text);
	buf_printf(&text, "%d %s\n", err.code, err.text);
	golden_check(g, beside, text.data, text.len);
}

/* ---- good ---- */

static struct hash hash_made_of(uint8_t seed)
{
	struct hash h;

	for (size_t i = 0; i < sizeof(h.b); i++)
		h.b[i] = (uint8_t)(seed + 11 * i);
	return h;
}

/* The next change of a log: lsn one up, a second later. */
static struct change *add(
	struct change_batch *b, struct log_id log, enum change_kind kind)
{
	struct change *c = change_add(b, kind);
	uint64_t i = b->count - 1;

	c->by = (struct write_id){
		STAMP_OF(BASE_MS + 1000 * i, i % 3), log, 500 + i};
	c->dot = (struct dot){log, 450 + 2 * i};
	if (kind == CHANGE_SAVE || kind == CHANGE_COPY)
		c->dot.lsn = c->by.lsn;
	return c;
}

static struct change *add_body(
	struct change_batch *b, struct log_id log, enum change_kind kind)
{
	struct change *c = add(b, log, kind);

	c->uid = 4300 + (uint32_t)b->count;
	c->size = 5216 + 100 * b->count;
	c->mtime = 1795303760 + (int64_t)b->count;
	c->hash = hash_made_of((uint8_t)b->count);
	return c;
}

static void make_folder(struct change_batch *b, struct log_id log)
{
	struct change *c = add(b, log, CHANGE_BEGIN);

	c->end = (struct position){log, 499, 0xfedcba9876543210};
	c->end.log.incarnation--;
	c = add_body(b, log, CHANGE_SAVE);
	c->base = "1795303762.M897062P14561.vm,S=5416,W=5529";
	c->add = (struct flag_set){"RS", "$Forwarded work"};
	c = add_body(b, log, CHANGE_SAVE);
	c->base = "1795303763.M31P14562.vm,S=5516,W=5600";
	c->by.stamp = 0;
	c = add_body(b, log, CHANGE_COPY);
	c->source =
		(struct dot){{log.origin, log.incarnation, OTHER_FOLDER}, 77};
	c->base = "007.no-number_and-12.V801I2a3b,x";
	c->extra = "P1 G1795303762.M897062P14561.vm,S=5416,W=5529";
	c->mtime = -1;
	c->uid = 0;
	c = add_body(b, log, CHANGE_MOVE);
	c->base = "1795303761.M5P14561.vm,S=5716,W=5800";
	c->add = (struct flag_set){",1FSTX~", ""};
	c = add(b, log, CHANGE_LEFT);
	c->folder = OTHER_FOLDER;
	c = add(b, log, CHANGE_FLAGS);
	c->add = (struct flag_set){"S", "work"};
	c->del = (struct flag_set){"!FT", "$Junk Alpha beta"};
	add(b, log, CHANGE_EXPUNGE);
	c = add(b, log, CHANGE_UID);
	c->uid = 4400;
	c = add(b, log, CHANGE_EXTRA);
	c->extra = "G1.2.3";
	c = add(b, log, CHANGE_GAP);
	c->first = 40;
	c->end = (struct position){log, 44, 1};
	c->reason = "frame at 1234: checksum differs";
}

static void make_account(struct change_batch *b, struct log_id log)
{
	struct change *c = add(b, log, CHANGE_FOLDER);

	c->folder = OTHER_FOLDER;
	c->path = "Work/2026";
	c = add(b, log, CHANGE_IDENTITY);
	c->folder = OTHER_FOLDER;
	c->uidvalidity = 1795303760;
	c->uidnext = 4327;
	c->guid = OTHER_FOLDER;
	c->extra = "P%08Xu%08Xv";
	c = add(b, log, CHANGE_SUBSCRIBE);
	c->folder = OTHER_FOLDER;
	c->value = true;
	c = add(b, log, CHANGE_SUBSCRIBE);
	c->path = "Gone/T&APw-st";
	c = add(b, log, CHANGE_AUTHORITY);
	c->folder = ID_INBOX;
	c->term = 2;
	c->site = log.origin;
	c = add(b, log, CHANGE_AUTHORITY);
	c->folder = OTHER_FOLDER;
	c->term = 3;
	c->site = 0x2122232425262728;
	c->uidvalidity = 1795303760;
	c->uidnext = 21;
	c = add(b, log, CHANGE_RENAME);
	c->folder = OTHER_FOLDER;
	c->path = "Archive/2026";
	c = add(b, log, CHANGE_MERGE);
	c->folder = OTHER_FOLDER;
	c->other = THIRD_FOLDER;
	c = add(b, log, CHANGE_DELETE);
	c->folder = THIRD_FOLDER;
}

/* Changes of three sites about each other's messages; lsns with holes. */
static void make_relayed(struct change_batch *b, struct log_id log)
{
	struct log_id logs[3] = {log, log, log};

	logs[1].incarnation++;
	logs[2] = (struct log_id){0x3132333435363738, 0x41, OTHER_FOLDER};
	for (uint64_t i = 0; i < 9; i++) {
		struct change *c = add(
			b, logs[i % 3], i % 2 ? CHANGE_FLAGS : CHANGE_EXPUNGE);

		c->by.lsn = 490 + 7 * i;
		c->dot = (struct dot){logs[i / 3], 100 * (i + 1)};
		if (c->kind == CHANGE_FLAGS)
			c->add.letters = "S";
	}
}

static void make_import(struct change_batch *b, struct log_id log)
{
	static const char *const bases[] = {
		"1795303761.M897062P14561.vm,S=5316,W=5429",
		"1795303762.M12P14570.vm,S=5416,W=5500",
		"1795303763.M500000P14570.vm,S=5516,W=5623",
		"1795303764.M999999P14601.vm,S=5616,W=5616",
	};

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct change *c = add_body(b, log, CHANGE_SAVE);

		c->by.stamp = 0;
		c->base = bases[i];
		c->add.letters = "S";
	}
}

static void good_batch(struct golden *g, const char *name,
	void (*make)(struct change_batch *b, struct log_id log))
{
	AUTO_BUF struct buf payload = BUF_INIT;
	struct change_context ctx = context(name);
	struct change_batch batch = {0};
	struct err err = ERR_INIT;

	make(&batch, ctx.log);
	for (size_t i = 0; i < batch.count; i++)
		golden_expect(g, change_check(&batch.items[i], &err) == 0, name,
			err.text);
	change_encode(&ctx, batch.items, batch.count, &payload);
	check_good(g, name, &payload);
	change_batch_free(&batch);
}

static void good_bytes(
	struct golden *g, const char *name, const void *bytes, size_t len)
{
	AUTO_BUF struct buf payload = BUF_INIT;

	buf_add(&payload, bytes, len);
	check_good(g, name, &payload);
}

static void good_statement(struct golden *g)
{
	AUTO_BUF struct buf payload = BUF_INIT;
	struct log_id log = context("").log;
	struct position vector[] = {{log, 44, 5}, {log, 0, 0}, {log, 7, 9}};
	struct statement st = {.lsn = 517,
		.stamp = STAMP_OF(BASE_MS, 1),
		.uidnext = 4327,
		.messages = 1234,
		.digest = "sixteen bytes..",
		.vector = vector,
		.vector_count = 3};

	vector[1].log.incarnation++;
	vector[2].log.origin++;
	statement_encode(&st, &payload);
	check_good(g, "statement-vector", &payload);
}

#define BYTES(s) s, sizeof(s) - 1

static void check_all_good(struct golden *g)
{
	good_bytes(g, "changes-none", BYTES("\0"));
	/* the example of docs/format.md */
	good_bytes(g, "changes-flag",
		BYTES("\x01\x07\x05\x81\xa2\x95\x11\xca\x01\x01"));
	/* the sizes and dates of a save by hand */
	good_bytes(g, "changes-save",
		BYTES("\x01\xb4\x1e\x01"	     /* SAVE */
		      "\x01\x11/.M/P/.vm,S=/,W=/"    /* strings */
		      "\x01"			     /* +S */
		      "\x11"			     /* uid 9 */
		      "\xe0\x28"		     /* size 5216 */
		      "\x04"			     /* mtime + 2 */
		      "\x01"			     /* pattern */
		      "\x00\xcc\xc0\x6d\xc2\xe3\x01" /* 0, 897062, 14561 */
		      "\x00\xe2\x01"		     /* S= 0, W= + 113 */
		      "twenty bytes of hash"));
	good_batch(g, "changes-folder", make_folder);
	good_batch(g, "changes-account", make_account);
	good_batch(g, "changes-relayed", make_relayed);
	good_batch(g, "changes-import", make_import);
	good_bytes(g, "statement-alone",
		BYTES("\x11"
		      "\x01\0\xa6\x16\xd5\0\xa2\x01"
		      "\xe7\x21\xd2\x09sixteen bytes.."
		      "\0\0"));
	good_statement(g);
}

/* ---- bad: an expunge is 01 02 06 01, one that adds a keyword
   01 62 05 01 01 'a' 01 01 ---- */

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
} bad[] = {
	{"changes-empty", BYTES("")},
	{"changes-cut-in-kinds", BYTES("\x05\x02\x06\x06")},
	{"changes-too-many", BYTES("\x81\x80\x40\x02\x06")},
	{"changes-kind-unknown", BYTES("\x01\x02\x63\x01")},
	{"changes-kind-of-other-log", BYTES("\x01\x00\x16")},
	{"changes-column-unknown",
		BYTES("\x01\x82\x80\x80\x80\x80\x08\x06\x01")},
	{"changes-column-of-zeros", BYTES("\x01\x03\x06\x00\x01")},
	{"changes-column-cut", BYTES("\x02\x02\x06\x06\x01")},
	{"changes-bytes-behind", BYTES("\x01\x02\x06\x01\x00")},
	{"changes-varint-too-long", BYTES("\x01\x02\x06\x81\x00")},
	{"changes-dot-0", BYTES("\x01\x00\x06")},
	{"changes-table-empty", BYTES("\x01\x22\x06\x00\x01")},
	{"changes-string-unused", BYTES("\x01\x22\x06\x01\x01"
					"a\x01")},
	{"changes-string-double", BYTES("\x02\x62\x05\x05\x02\x01"
					"a\x01"
					"a\x01\x01\x01\x02")},
	{"changes-string-not-in-table", BYTES("\x01\x62\x05\x01\x01"
					      "a\x01\x02")},
	{"changes-keywords-not-sorted", BYTES("\x01\x62\x05\x01\x03"
					      "b a\x01\x01")},
	{"changes-flag-set-and-cleared", BYTES("\x01\x0e\x05\x01\x01\x01")},
	{"changes-name-climbs", BYTES("\x01\xa0\x08\x01\x01\x05"
				      "../xx\x01"
				      "twenty bytes of hash")},
	{"changes-name-not-its-pattern", BYTES("\x01\xa0\x18\x01\x01\x02"
					       "1/\x01\x02"
					       "twenty bytes of hash")},
	{"changes-hash-cut", BYTES("\x01\xa0\x08\x01\x01\x01"
				   "x\x01"
				   "nineteen bytes of h")},
	{"statement-cut", BYTES("\x11\x01\0\xa6\x16")},
	{"statement-position-as-before",
		BYTES("\x11\x01\0\xa6\x16\xd5\0\xa2\x01"
		      "\xe7\x21\xd2\x09sixteen bytes..\0\x01"
		      "\x01\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0")},
};

int main(int argc, char **argv)
{
	struct golden g;

	if (!golden_start(&g, argc, argv))
		return 2;
	check_all_good(&g);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_bad(&g, bad[i].name, bad[i].bytes, bad[i].len);
	return golden_end(&g);
}
