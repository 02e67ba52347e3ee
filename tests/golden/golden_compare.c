/*
 * golden_compare: sketches and state tables, good and bad.
 *
 * Sketches are put together here from the words of docs/format.md, with
 * numbers of 128 bits and without the library; tables are written out by hand.
 * Beside good/x in good/x.txt what is read back; beside bad/x in bad/x.error
 * why it is refused.
 */
#include "err.h"
#include "golden.h"
#include "sketch.h"
#include "statetable.h"
#include "wire.h"

#include <sodium.h>
#include <string.h>

static const uint8_t seed[RIBLT_SEED_SIZE] = "sixteen bytes..";

static bool is_sketch(const char *name)
{
	return strncmp(name, "sketch-", 7) == 0;
}

/* ---- what is read, as text ---- */

static int say_sketch(const struct buf *bytes, struct buf *ret, struct err *err)
{
	struct sketch s;
	int rc = sketch_decode(bytes->data, bytes->len, &s, err);

	if (rc < 0)
		return rc;
	buf_printf(ret, "elements %llu total %016llx\n",
		(unsigned long long)s.elements, (unsigned long long)s.total);
	for (size_t i = 0; i < s.count; i++)
		buf_printf(ret, "%zu: sum %016llx check %04x count %u\n",
			s.first + i, (unsigned long long)s.symbols[i].sum,
			s.symbols[i].check, s.symbols[i].count);
	sketch_free(&s);
	return 0;
}

static void say_log(const struct log_id *log, struct buf *ret)
{
	char folder[ID_HEX];

	id_hex(&log->folder, folder);
	buf_printf(ret, "%llx/%llx/%s", (unsigned long long)log->origin,
		(unsigned long long)log->incarnation, folder);
}

static void say_header(const struct statetable_header *h, struct buf *ret)
{
	const struct known *known = &h->known;

	buf_printf(ret,
		"columns %u%s term %llu authority %llx uidvalidity %u "
		"uidnext %u rows %llu seed %.15s\n",
		h->columns, known->view ? " view" : "",
		(unsigned long long)h->term, (unsigned long long)h->authority,
		h->uidvalidity, h->uidnext, (unsigned long long)h->rows,
		(const char *)h->seed);
	for (size_t i = 0; i < known->log_count; i++) {
		const struct known_log *log = &known->logs[i];

		buf_printf(ret, "log %zu ", i);
		say_log(&log->at.log, ret);
		buf_printf(ret, " to %llu %016llx",
			(unsigned long long)log->at.lsn,
			(unsigned long long)log->at.chain);
		for (size_t k = 0; k < log->gap_count; k++)
			buf_printf(ret, " gap %llu-%llu",
				(unsigned long long)log->gaps[k].first,
				(unsigned long long)log->gaps[k].last);
		buf_add_byte(ret, '\n');
	}
	for (size_t i = 0; i < known->living_count; i++)
		buf_printf(ret, "living %zu %llu-%llu\n", known->living[i].log,
			(unsigned long long)known->living[i].first,
			(unsigned long long)known->living[i].last);
	for (size_t i = 0; i < h->dead_count; i++)
		buf_printf(
			ret, "dead %016llx\n", (unsigned long long)h->dead[i]);
}

static void say_row(const struct row *row, struct buf *ret)
{
	buf_printf(ret, "uid %u \"%s\" \"%s\" %llx %llx\n", row->uid,
		row->flags.letters, row->flags.keywords,
		(unsigned long long)row->exact,
		(unsigned long long)row->content);
	for (size_t i = 0; i < row->dot_count; i++) {
		buf_add_str(ret, "\tdot ");
		say_log(&row->dots[i].log, ret);
		buf_printf(
			ret, ":%llu\n", (unsigned long long)row->dots[i].lsn);
	}
	for (size_t i = 0; i < row->write_count; i++) {
		const struct row_write *w = &row->writes[i];

		buf_printf(ret, "\t%c%s %llu+%u by ", w->value ? '+' : '-',
			w->name, (unsigned long long)STAMP_MS(w->by.stamp),
			(unsigned)(w->by.stamp & 0xffff));
		say_log(&w->by.log, ret);
		buf_printf(ret, ":%llu\n", (unsigned long long)w->by.lsn);
	}
}

/* Also what it is written to again, uncompressed. */
static int say_table(const struct buf *bytes, struct buf *ret,
	struct buf *ret_again, struct err *err)
{
	struct statetable *t;
	struct statetable_writer *w;
	struct row row;
	int rc = statetable_open(bytes->data, bytes->len, &t, err);

	if (rc < 0)
		return rc;
	say_header(statetable_header(t), ret);
	w = statetable_begin(statetable_header(t));
	while (rc == 0 && statetable_next(t, &row)) {
		say_row(&row, ret);
		rc = statetable_add(w, &row, err);
	}
	buf_add(ret_again, "\1", 2);
	if (rc == 0)
		rc = statetable_end_raw(w, ret_again, err);
	statetable_drop(w);
	statetable_free(t);
	return rc;
}

static void check_good(
	struct golden *g, const char *name, const struct buf *bytes)
{
	AUTO_FREE char *path = mem_printf("good/%s", name);
	AUTO_FREE char *beside = mem_printf("good/%s.txt", name);
	AUTO_BUF struct buf text = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	golden_check(g, path, bytes->data, bytes->len);
	rc = is_sketch(name) ? say_sketch(bytes, &text, &err)
			     : say_table(bytes, &text, &again, &err);
	golden_expect(g, rc == 0, path, err.text);
	if (!is_sketch(name))
		golden_expect(g,
			again.len == bytes->len &&
				memcmp(again.data, bytes->data, again.len) == 0,
			path, "is not written to the same bytes");
	golden_check(g, beside, text.data, text.len);
}

static void check_bad(
	struct golden *g, const char *name, const void *bytes, size_t len)
{
	AUTO_FREE char *path = mem_printf("bad/%s", name);
	AUTO_FREE char *beside = mem_printf("bad/%s.error", name);
	AUTO_BUF struct buf all = BUF_INIT, text = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	buf_add(&all, bytes, len);
	golden_check(g, path, all.data, all.len);
	rc = is_sketch(name) ? say_sketch(&all, &text, &err)
			     : say_table(&all, &text, &again, &err);
	golden_expect(g, rc < 0, path, "is read without an error");
	buf_clear(&text);
	buf_printf(&text, "%d %s\n", err.code, err.text);
	golden_check(g, beside, text.data, text.len);
}

/* ---- sketches ---- */

/* The hash of a key, as docs/format.md has it. */
static uint64_t hash_of_key(uint64_t key)
{
	uint8_t in[8], out[8];
	uint64_t hash = 0;

	for (size_t i = 0; i < 8; i++)
		in[i] = (uint8_t)(key >> (8 * i));
	crypto_shorthash(out, in, 8, seed);
	for (size_t i = 0; i < 8; i++)
		hash |= (uint64_t)out[i] << (8 * i);
	return hash;
}

static uint64_t random_of(uint64_t hash, uint64_t step)
{
	uint64_t z = hash + step * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) >> 33;
}

static size_t next_symbol(uint64_t hash, uint64_t step, size_t at, size_t end)
{
	unsigned __int128 i = at, r = random_of(hash, step), j = i + 1;

	while (j < end && (j + 1) * (j + 2) * r <= ((i + 1) * (i + 2) << 31))
		j++;
	return (size_t)j;
}

/* Symbols first … first + n - 1 of keys 1 … count, as docs/format.md says. */
static void make_sketch(uint64_t count, size_t first, size_t n, struct buf *ret)
{
	uint64_t sums[64] = {0}, total = 0;
	uint16_t checks[64] = {0};
	uint8_t counts[64] = {0};

	for (uint64_t key = 1; key <= count; key++) {
		uint64_t hash = hash_of_key(key), step = 0;

		total += hash;
		for (size_t at = 0; at < first + n;
			at = next_symbol(hash, ++step, at, first + n)) {
			sums[at] ^= key;
			checks[at] ^= (uint16_t)hash;
			counts[at]++;
		}
	}
	wire_add_varint(ret, count);
	wire_add_u64(ret, total);
	wire_add_varint(ret, first);
	wire_add_varint(ret, n);
	for (size_t i = first; i < first + n; i++)
		wire_add_u64(ret, sums[i]);
	for (size_t i = first; i < first + n; i++)
		wire_add_u16(ret, checks[i]);
	for (size_t i = first; i < first + n; i++)
		buf_add_byte(ret, (uint8_t)(counts[i] - 2 * count / (i + 2)));
}

static void good_sketch(struct golden *g, const char *name, uint64_t count,
	size_t first, size_t n)
{
	AUTO_BUF struct buf bytes = BUF_INIT, library = BUF_INIT;
	struct riblt set;

	make_sketch(count, first, n, &bytes);
	check_good(g, name, &bytes);
	riblt_init(&set, seed);
	for (uint64_t key = 1; key <= count; key++)
		riblt_add(&set, key);
	sketch_encode(&set, first, n, &library);
	golden_expect(g,
		library.len == bytes.len &&
			memcmp(library.data, bytes.data, library.len) == 0,
		name, "is not what the library makes");
	riblt_free(&set);
}

/* ---- tables ---- */

#define BYTES(s) s, sizeof(s) - 1

/* Version 1, stored; columns; INBOX, term 2, authority, UIDVALIDITY 3,
   UIDNEXT 128; rows; digest. */
#define HEAD(columns, rows)                                                    \
	"\x01\x00" columns "INBOX\0\0\0\0\0\0\0\0\0\0\0"                       \
	"\x02\x11\x11\x11\x11\x11\x11\x11\x11\x03\x80\x01" rows                \
	"sixteen bytes..\0"
#define NO_LOGS "\x00\x00"
#define NO_DOTS "\x00\x00\x00"
#define ORIGIN "\x11\x11\x11\x11\x11\x11\x11\x11"
#define INCARNATION "\x21\x22\x23\x24\x25\x26\x27\x28"
/* One position, of a log of INBOX: lsn 40, a chain value, no gap. */
#define POSITION                                                               \
	"\x01\x03" ORIGIN INCARNATION "\x28"                                   \
	"chain..."                                                             \
	"\x00"

/* Messages with the UIDs 1 2 3 and 7; the last is $Junk, the others read. */
#define EXAMPLE                                                                \
	HEAD("\x03", "\x04")                                                   \
	NO_LOGS                                                                \
	"\x02\x05$Junk\x02\\S"	   /* names */                                 \
	"\x02\x01\x01\x01\x00"	   /* sets: \S; $Junk */                       \
	"\x08"			   /* plane 0: the fourth row */               \
	"\x02\x00\x02\x02\x02\x00" /* starts 0 2, lengths - 1: 2 0 */          \
		NO_DOTS

/* A column, its length before it. */
static void add_part(struct buf *ret, const char *bytes, size_t len)
{
	wire_add_bytes(ret, bytes, len);
}

/*
 * Every column: a message with UID 5, and one without, which was joined of two
 * dots and has flags that were changed; logs with gaps, one without position.
 */
static void make_everything(struct buf *ret)
{
	buf_add(ret, BYTES(HEAD("\xff\x03", "\x02") "another sixteen\0"));
	buf_add(ret, BYTES("\x02")); /* positions; gaps 2-3 and 7 */
	buf_add(ret, BYTES("\x03" ORIGIN INCARNATION "\x28"
			   "chain..."
			   "\x02\x01\x02\x01\x00"));
	buf_add(ret, BYTES("\x01\x99\x99\x99\x99\x99\x99\x99\x99"
			   "\x05"
			   "more ..."
			   "\x00"));
	buf_add(ret, BYTES("\x01\x04"
			   "other folder...."));
	buf_add(ret, BYTES("\x03\x02\\F\x02\\S\x04"
			   "Work"));
	/* one row each, so that the set that is less by its names is first */
	buf_add(ret, BYTES("\x02\x00\x02\x01\x00")); /* none; \S Work */
	buf_add(ret, BYTES("\x02"));  /* plane 0: the second row */
	add_part(ret, BYTES("\x04")); /* UIDs: 5 */
	add_part(ret, BYTES("\x00"));
	add_part(ret, BYTES("\x01\x02"));     /* dots: one; two */
	add_part(ret, BYTES("\x00\x01\x02")); /* in the first log; in others */
	add_part(ret, BYTES("\x13\x01\x0d")); /* 10; 1 and 7 */
	add_part(ret, BYTES("\x00\x03"));     /* writes: none; three */
	add_part(ret, BYTES("\x00\x03\x05")); /* -\F +\S +Work */
	add_part(ret, BYTES("\x00\x00\x02")); /* in the first log; the third */
	add_part(ret, BYTES("\x3d\x01\x05")); /* 31 32; 3 */
	add_part(ret, BYTES("\xd1\x0f\x0b\x00")); /* 1000 ms, 1005 ms; none */
	add_part(ret, BYTES("\x01\x00\x00"));	  /* counters */
	add_part(ret, BYTES("\x02\x01"));	  /* living: two runs; one */
	add_part(ret, BYTES("\x09\x00\x00"));	  /* 10 12-13; 1-5 */
	add_part(ret, BYTES("\x00\x01\x04"));
	buf_add(ret, BYTES("exact 1.exact 2.content1content2"));
	buf_add(ret, BYTES("\x02"
			   "dead ..1"
			   "dead ..2"));
}

static void good_tables(struct golden *g)
{
	AUTO_BUF struct buf b = BUF_INIT;

	buf_add(&b, BYTES(EXAMPLE));
	check_good(g, "table-example.table", &b);
	buf_clear(&b);
	buf_add(&b, BYTES(HEAD("\x00", "\x00") NO_LOGS NO_DOTS));
	check_good(g, "table-empty.table", &b);
	buf_clear(&b);
	make_everything(&b);
	check_good(g, "table-everything.table", &b);
}

/* A table in a zstd frame that stores it, as RFC 8878 has it. */
static void make_zstd(struct buf *ret, const char *raw, size_t len)
{
	buf_add(ret, BYTES("\x01\x01"));
	wire_add_varint(ret, len);
	buf_add(ret, BYTES("\x28\xb5\x2f\xfd\x20"));
	buf_add_byte(ret, (uint8_t)len);
	buf_add_byte(ret, (uint8_t)(len << 3 | 1)); /* the last block */
	wire_add_u16(ret, (uint16_t)(len >> 5));
	buf_add(ret, raw, len);
}

static void packed_tables(struct golden *g)
{
	static const char example[] = EXAMPLE;
	AUTO_BUF struct buf b = BUF_INIT, text = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;

	make_zstd(&b, &example[2], sizeof(example) - 3);
	golden_check(g, "good/table-packed.table", b.data, b.len);
	golden_expect(g,
		say_table(&b, &text, &again, &err) == 0 &&
			again.len == sizeof(example) - 1 &&
			memcmp(again.data, example, again.len) == 0,
		"good/table-packed.table", err.text);
	/* a frame that holds nothing, behind it */
	buf_add(&b, BYTES("\x50\x2a\x4d\x18\x00\x00\x00\x00"));
	check_bad(g, "table-packed-bytes-behind.table", b.data, b.len);
}

/* ---- bad ---- */

#define KEY "key ...."

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
} bad[] = {
	{"sketch-empty.sketch", BYTES("")},
	{"sketch-elements-over-limit.sketch",
		BYTES("\x80\x80\x80\x80\x10" KEY "\x00\x00")},
	{"sketch-first-over-limit.sketch",
		BYTES("\x01" KEY "\x81\x80\x04\x00")},
	{"sketch-count-over-limit.sketch",
		BYTES("\x01" KEY "\x01\x80\x80\x04")},
	{"sketch-cut.sketch", BYTES("\x01" KEY "\x00\x01" KEY "ch")},
	{"sketch-bytes-behind.sketch", BYTES("\x01" KEY "\x00\x01" KEY "chco")},
	{"table-empty.table", BYTES("")},
	{"table-version-unknown.table", BYTES("\x02\x00")},
	{"table-codec-unknown.table", BYTES("\x01\x02")},
	{"table-no-zstd.table", BYTES("\x01\x01\x04what")},
	{"table-zstd-of-another-size.table",
		BYTES("\x01\x01\x05\x28\xb5\x2f\xfd\x20\x04\x21\x00\x00what")},
	{"table-zstd-over-limit.table", BYTES("\x01\x01\x81\x80\x80\x08what")},
	{"table-column-unknown.table", BYTES(HEAD("\x80\x04", "\x00"))},
	{"table-rows-over-limit.table", BYTES(HEAD("\x01", "\x81\x80\x40"))},
	{"table-header-cut.table", BYTES("\x01\x00\x01INBOX")},
	{"table-position-as-before.table",
		BYTES(HEAD("\x00", "\x00") "\x01\x04INBOX\0\0\0\0\0\0\0\0\0\0\0"
					   "\x28" KEY "\x00")},
	{"table-positions-not-in-order.table",
		BYTES(HEAD("\x00", "\x00") "\x02\x03" ORIGIN INCARNATION
					   "\x28" KEY "\x00\x01"
					   "\x10\x11\x11\x11\x11\x11\x11\x11"
					   "\x28" KEY "\x00")},
	{"table-gap-above-position.table",
		BYTES(HEAD("\x00", "\x00") "\x01\x03" ORIGIN INCARNATION
					   "\x28" KEY "\x01\x27\x01")},
	{"table-log-double.table",
		BYTES(HEAD("\x02", "\x00") POSITION "\x01\x00")},
	{"table-log-unused.table",
		BYTES(HEAD("\x00", "\x00") POSITION "\x01\x01" KEY NO_DOTS)},
	{"table-names-not-in-order.table",
		BYTES(HEAD("\x02", "\x00") NO_LOGS "\x02\x02\\S\x05$Junk")},
	{"table-name-with-space.table",
		BYTES(HEAD("\x02", "\x00") NO_LOGS "\x01\x03"
						   "a b")},
	{"table-name-of-keyword-letter.table",
		BYTES(HEAD("\x02", "\x00") NO_LOGS "\x01\x02\\a")},
	{"table-name-unused.table",
		BYTES(HEAD("\x02", "\x00") NO_LOGS "\x01\x02\\S\x00" NO_DOTS)},
	{"table-set-of-unknown-names.table",
		BYTES(HEAD("\x03", "\x01") NO_LOGS "\x01\x02\\S\x01\x01\x01")},
	{"table-set-unused.table", BYTES(HEAD("\x03", "\x01") NO_LOGS
					   "\x01\x02\\S\x02\x00\x01\x00"
					   "\x00\x01\x00\x01\x00" NO_DOTS)},
	{"table-sets-not-by-use.table",
		BYTES(HEAD("\x03", "\x03") NO_LOGS
			"\x01\x02\\S\x02\x00\x01\x00"
			"\x06\x01\x00\x01\x02" NO_DOTS)},
	{"table-set-double.table", BYTES(HEAD("\x03", "\x03") NO_LOGS
					   "\x00\x02\x00\x00"
					   "\x04\x01\x00\x01\x02" NO_DOTS)},
	{"table-bits-behind-the-rows.table",
		BYTES(HEAD("\x03", "\x03") NO_LOGS
			"\x01\x02\\S\x02\x00\x01\x00"
			"\x0c\x01\x00\x01\x02" NO_DOTS)},
	{"table-uids-over-limit.table",
		BYTES(HEAD("\x01", "\x01") NO_LOGS "\x05\xff\xff\xff\xff\x0f"
						   "\x01\x00" NO_DOTS)},
	{"table-more-uids-than-rows.table",
		BYTES(HEAD("\x01", "\x01") NO_LOGS "\x01\x00\x01\x01" NO_DOTS)},
	{"table-row-without-a-name.table",
		BYTES(HEAD("\x01", "\x01") NO_LOGS "\x00\x00\x01\x00\x00\x00")},
	{"table-dot-0.table", BYTES(HEAD("\x00", "\x01") POSITION
				      "\x00"
				      "\x01\x01\x01\x00\x01\x00")},
	{"table-dots-not-in-order.table",
		BYTES(HEAD("\x00", "\x01") POSITION "\x00\x01\x02\x02\x00\x00"
						    "\x02\x05\x02")},
	{"table-rows-not-in-order.table",
		BYTES(HEAD("\x00", "\x02") POSITION "\x00\x02\x01\x01"
						    "\x02\x00\x00"
						    "\x02\x05\x02")},
	{"table-log-of-dot-unknown.table",
		BYTES(HEAD("\x00", "\x01") POSITION "\x00\x01\x01\x01\x01"
						    "\x01\x05")},
	{"table-writes-not-in-order.table",
		BYTES(HEAD("\x09", "\x01") POSITION
			"\x00\x01\x02\\S"
			"\x01\x00\x01\x00" NO_DOTS "\x01\x02\x02\x01\x01"
			"\x02\x00\x00\x02\x01\x01"
			"\x02\x00\x00\x02\x00\x00")},
	{"table-living-not-whole.table",
		BYTES(HEAD("\x40", "\x00") POSITION "\x00" NO_DOTS
						    "\x01\x01\x00\x00")},
	{"table-keys-cut.table",
		BYTES(HEAD("\x21", "\x01") "another sixteen\0" NO_LOGS
					   "\x01\x00\x01\x00" NO_DOTS
					   "seven .")},
	{"table-dead-not-in-order.table",
		BYTES(HEAD("\x80\x01",
			"\x00") "another sixteen\0" NO_LOGS NO_DOTS "\x02"
				"dead ..2"
				"dead ..1")},
	{"table-bytes-behind.table",
		BYTES(HEAD("\x00", "\x00") NO_LOGS NO_DOTS "\x00")},
};

int main(int argc, char **argv)
{
	struct golden g;

	if (!golden_start(&g, argc, argv))
		return 2;
	good_sketch(&g, "sketch-empty.sketch", 0, 0, 0);
	good_sketch(&g, "sketch-three.sketch", 3, 0, 8);
	good_sketch(&g, "sketch-later.sketch", 300, 20, 12);
	good_tables(&g);
	packed_tables(&g);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_bad(&g, bad[i].name, bad[i].bytes, bad[i].len);
	return golden_end(&g);
}
