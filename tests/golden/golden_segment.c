/*
 * golden_segment: segment files, whole and damaged.
 *
 * They are put together here from docs/format.md, not by lib/segment, which
 * is what is tested. Beside good/x.changes lies in good/x.txt what the reader
 * gives; beside bad/x.changes in bad/x.error what it says, and after how many
 * frames. zstd payloads are written out by hand: what the encoder makes of
 * them differs from one version of libzstd to the next.
 */
#include "err.h"
#include "golden.h"
#include "hash.h"
#include "mem.h"
#include "segment.h"
#include "wire.h"

#include <inttypes.h>
#include <string.h>

#define MAGIC "\x89PBS\r\n\x1a\n"
#define STORED 0x01    /* first byte: changes, codec 0 */
#define ZSTD 0x11      /* changes, codec 1 */
#define STATEMENT 0x02 /* a statement, codec 0 */

/* One zstd frame without content size, one RLE block: 200 times 'a'. */
static const uint8_t rle_200[] = {
	0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x43, 0x06, 0x00, 'a'};

#define FLAG_CHANGE "15 bytes of it."

/* ---- making ---- */

struct parts {
	uint16_t version;
	uint32_t required, optional;
	struct id128 folder;
	uint64_t first_lsn, chain_before;
	const char *account;
	const char *extra; /* what a newer writer puts behind the account */
};

static struct parts usual(void)
{
	return (struct parts){.version = 1,
		.folder = ID_INBOX,
		.first_lsn = 1,
		.account = "alice@example.org",
		.extra = ""};
}

struct maker {
	struct buf bytes;
	uint64_t chain;
};

static void put_header(struct maker *m, const struct parts *p)
{
	size_t account = strlen(p->account);
	size_t extra = strlen(p->extra);
	struct buf *b = &m->bytes;

	buf_add(b, MAGIC, 8);
	wire_add_u16(b, p->version);
	wire_add_u16(b, (uint16_t)(85 + account + extra));
	wire_add_u32(b, p->required);
	wire_add_u32(b, p->optional);
	wire_add_u64(b, 0x0102030405060708u);
	wire_add_u64(b, 0xf1f2f3f4f5f6f7f8u);
	buf_add(b, p->folder.b, sizeof(p->folder.b));
	wire_add_u64(b, p->first_lsn);
	wire_add_u64(b, 1700000000123u);
	wire_add_u64(b, p->chain_before);
	buf_add_byte(b, (uint8_t)account);
	buf_add_str(b, p->account);
	buf_add_str(b, p->extra);
	wire_add_u64(b, hash_check(b->data, b->len, 0));
	m->chain = p->chain_before;
}

static void put_usual(struct maker *m)
{
	struct parts p = usual();

	put_header(m, &p);
}

/* What comes between head and payload, and goes on from frame to frame. */
static void put_chained(struct maker *m, const struct buf *head,
	const void *payload, size_t len)
{
	m->chain = hash_check(
		payload, len, hash_check(head->data, head->len, m->chain));
	buf_add(&m->bytes, head->data, head->len);
	wire_add_u64(&m->bytes, m->chain);
	buf_add(&m->bytes, payload, len);
}

static void put_frame(struct maker *m, uint8_t first, uint64_t count,
	const void *payload, size_t len)
{
	AUTO_BUF struct buf head = BUF_INIT;

	buf_add_byte(&head, first);
	wire_add_varint(&head, count);
	wire_add_varint(&head, len);
	put_chained(m, &head, payload, len);
}

static void put_text(
	struct maker *m, uint8_t first, uint64_t count, const char *payload)
{
	put_frame(m, first, count, payload, strlen(payload));
}

static void put_packed(struct maker *m, uint8_t first, uint64_t raw,
	const void *payload, size_t len)
{
	AUTO_BUF struct buf head = BUF_INIT;

	buf_add_byte(&head, first);
	wire_add_varint(&head, 7);
	wire_add_varint(&head, len);
	wire_add_varint(&head, raw);
	put_chained(m, &head, payload, len);
}

/* ---- good files ---- */

static void header_alone(struct maker *m)
{
	put_usual(m);
}

static void one_flag_change(struct maker *m)
{
	put_usual(m);
	put_text(m, STORED, 1, FLAG_CHANGE);
}

static void every_kind_of_frame(struct maker *m)
{
	uint8_t bytes[200];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i * 7 + i);
	put_usual(m);
	put_text(m, STORED, 1, FLAG_CHANGE);
	put_frame(m, STORED, 300, bytes, sizeof(bytes));
	put_packed(m, ZSTD, 200, rle_200, sizeof(rle_200));
	put_text(m, STATEMENT, 0, "a statement");
	put_text(m, STATEMENT, 0, "");
	put_text(m, STORED, 2, "");
	put_text(m, STORED, 1, "the last");
}

static void middle_of_an_account_log(struct maker *m)
{
	struct parts p = usual();

	p.folder = ID_ACCOUNT;
	p.account = "j\xc3\xb6rg";
	p.first_lsn = 0x123456789abcdefu;
	p.chain_before = 0xfedcba9876543210u;
	put_header(m, &p);
	put_text(m, STORED, 3, "after another file");
}

static void newer_but_readable(struct maker *m)
{
	struct parts p = usual();

	p.optional = 0x80000001u;
	p.extra = "something newer";
	put_header(m, &p);
	put_text(m, STORED, 1, FLAG_CHANGE);
}

/* ---- bad files: transfers ---- */

static void empty(struct maker *m)
{
	(void)m;
}

static void no_segment(struct maker *m)
{
	buf_add_str(&m->bytes, "From alice@example.org Sat Nov 22 2026\n");
}

static void replace(struct maker *m, const char *from, const char *to)
{
	size_t len = strlen(from);
	struct buf out = BUF_INIT;

	one_flag_change(m);
	for (size_t i = 0; i < m->bytes.len; i++) {
		if (i + len <= m->bytes.len &&
			memcmp(m->bytes.data + i, from, len) == 0) {
			buf_add_str(&out, to);
			i += len - 1;
		} else {
			buf_add_byte(&out, m->bytes.data[i]);
		}
	}
	buf_free(&m->bytes);
	m->bytes = out;
}

static void text_mode_to_unix(struct maker *m)
{
	replace(m, "\r\n", "\n");
}

static void text_mode_to_dos(struct maker *m)
{
	replace(m, "\n", "\r\n");
}

static void text_mode_seven_bits(struct maker *m)
{
	one_flag_change(m);
	for (size_t i = 0; i < m->bytes.len; i++)
		m->bytes.data[i] &= 0x7f;
}

static void text_mode_latin1_to_utf8(struct maker *m)
{
	replace(m, "\x89", "\xc2\x89");
}

/* ---- bad files: headers ---- */

static void header_torn(struct maker *m)
{
	put_usual(m);
	m->bytes.len -= 9;
}

static void header_damaged(struct maker *m)
{
	one_flag_change(m);
	m->bytes.data[52] ^= 2;
}

static void header_size_out_of_bounds(struct maker *m)
{
	one_flag_change(m);
	m->bytes.data[11] = 0x7f;
}

static void header_version_2(struct maker *m)
{
	struct parts p = usual();

	p.version = 2;
	put_header(m, &p);
}

static void header_required_feature(struct maker *m)
{
	struct parts p = usual();

	p.required = 0x40;
	put_header(m, &p);
}

static void header_first_lsn_0(struct maker *m)
{
	struct parts p = usual();

	p.first_lsn = 0;
	put_header(m, &p);
}

static void header_account_with_newline(struct maker *m)
{
	struct parts p = usual();

	p.account = "alice\nbob";
	put_header(m, &p);
}

/* ---- bad files: frames ---- */

static void frame_torn_in_head(struct maker *m)
{
	one_flag_change(m);
	m->bytes.len -= strlen(FLAG_CHANGE) + 8 + 1;
}

static void frame_torn_in_payload(struct maker *m)
{
	one_flag_change(m);
	m->bytes.len--;
}

static void frame_damaged(struct maker *m)
{
	one_flag_change(m);
	put_text(m, STORED, 1, FLAG_CHANGE);
	m->bytes.data[m->bytes.len - 1] ^= 0x80;
}

static void frame_repeated(struct maker *m)
{
	size_t start, len;

	put_usual(m);
	start = m->bytes.len;
	put_text(m, STORED, 1, FLAG_CHANGE);
	len = m->bytes.len - start;
	buf_room(&m->bytes, len);
	buf_add(&m->bytes, m->bytes.data + start, len);
}

static void frames_swapped(struct maker *m)
{
	struct maker other = {{0}, 0};

	put_usual(m);
	put_text(&other, STORED, 1, "first in the log");
	put_text(&other, STORED, 1, "then this frame.");
	buf_add(&m->bytes, other.bytes.data + other.bytes.len / 2,
		other.bytes.len / 2);
	buf_add(&m->bytes, other.bytes.data, other.bytes.len / 2);
	buf_free(&other.bytes);
}

static void frame_left_out(struct maker *m)
{
	put_usual(m);
	m->chain = 0x1234;
	put_text(m, STORED, 1, FLAG_CHANGE);
}

static void zeros_behind(struct maker *m)
{
	one_flag_change(m);
	memset(buf_room(&m->bytes, 512), 0, 512);
	m->bytes.len += 512;
}

/* A frame of this head and a right chain value, then three bytes. */
static void put_head(struct maker *m, const char *head, size_t len)
{
	struct buf b = BUF_INIT;

	put_usual(m);
	buf_add(&b, head, len);
	put_chained(m, &b, "abc", 3);
	buf_free(&b);
}

static void count_over_limit(struct maker *m)
{
	put_head(m, "\x01\x81\x80\x40\x03", 5);
}

static void size_over_limit(struct maker *m)
{
	put_head(m, "\x01\x01\xff\xff\xff\xff\x0f", 7);
}

static void raw_size_over_limit(struct maker *m)
{
	put_head(m, "\x11\x01\x03\x81\x80\x80\x04", 7);
}

static void raw_size_below_size(struct maker *m)
{
	put_head(m, "\x11\x01\x03\x03", 4);
}

static void varint_too_long(struct maker *m)
{
	put_head(m, "\x01\x81\x00\x03", 4);
}

static void varint_over_64_bits(struct maker *m)
{
	put_head(m, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x03", 12);
}

static void kind_unknown(struct maker *m)
{
	put_usual(m);
	put_text(m, 0x03, 1, "of a newer kind");
}

static void codec_unknown(struct maker *m)
{
	put_usual(m);
	put_packed(m, 0x21, 100, "of a newer codec", 16);
}

static void changes_without_a_record(struct maker *m)
{
	put_usual(m);
	put_text(m, STORED, 0, "nothing");
}

static void statement_with_a_record(struct maker *m)
{
	put_usual(m);
	put_text(m, STATEMENT, 1, "a statement");
}

static void zstd_gives_less(struct maker *m)
{
	put_usual(m);
	put_packed(m, ZSTD, 201, rle_200, sizeof(rle_200));
}

static void zstd_gives_more(struct maker *m)
{
	put_usual(m);
	put_packed(m, ZSTD, 100, rle_200, sizeof(rle_200));
}

static void zstd_is_none(struct maker *m)
{
	put_usual(m);
	put_packed(m, ZSTD, 100, "not what zstd wrote", 19);
}

static void lsns_run_over(struct maker *m)
{
	struct parts p = usual();

	p.first_lsn = UINT64_MAX - 1;
	put_header(m, &p);
	put_text(m, STORED, 1, "the last there can be");
	put_text(m, STORED, 1, "one more");
}

struct sample {
	const char *name;
	void (*make)(struct maker *m);
};

static const struct sample good[] = {
	{"header-alone", header_alone},
	{"one-flag-change", one_flag_change},
	{"every-kind-of-frame", every_kind_of_frame},
	{"middle-of-an-account-log", middle_of_an_account_log},
	{"newer-but-readable", newer_but_readable},
};

static const struct sample bad[] = {
	{"empty", empty},
	{"no-segment", no_segment},
	{"text-mode-to-unix", text_mode_to_unix},
	{"text-mode-to-dos", text_mode_to_dos},
	{"text-mode-seven-bits", text_mode_seven_bits},
	{"text-mode-latin1-to-utf8", text_mode_latin1_to_utf8},
	{"header-torn", header_torn},
	{"header-damaged", header_damaged},
	{"header-size-out-of-bounds", header_size_out_of_bounds},
	{"header-version-2", header_version_2},
	{"header-required-feature", header_required_feature},
	{"header-first-lsn-0", header_first_lsn_0},
	{"header-account-with-newline", header_account_with_newline},
	{"frame-torn-in-head", frame_torn_in_head},
	{"frame-torn-in-payload", frame_torn_in_payload},
	{"frame-damaged", frame_damaged},
	{"frame-repeated", frame_repeated},
	{"frames-swapped", frames_swapped},
	{"frame-left-out", frame_left_out},
	{"zeros-behind", zeros_behind},
	{"count-over-limit", count_over_limit},
	{"size-over-limit", size_over_limit},
	{"raw-size-over-limit", raw_size_over_limit},
	{"raw-size-below-size", raw_size_below_size},
	{"varint-too-long", varint_too_long},
	{"varint-over-64-bits", varint_over_64_bits},
	{"kind-unknown", kind_unknown},
	{"codec-unknown", codec_unknown},
	{"changes-without-a-record", changes_without_a_record},
	{"statement-with-a-record", statement_with_a_record},
	{"zstd-gives-less", zstd_gives_less},
	{"zstd-gives-more", zstd_gives_more},
	{"zstd-is-none", zstd_is_none},
	{"lsns-run-over", lsns_run_over},
};

/* ---- reading ---- */

static void print_header(const struct segment_header *h, struct buf *ret)
{
	char folder[ID_HEX];

	id_hex(&h->log.folder, folder);
	buf_printf(ret,
		"origin %016" PRIx64 " incarnation %016" PRIx64
		" folder %s\naccount %s\nfirst lsn %" PRIu64 " base %" PRIu64
		" chain before %016" PRIx64 " required %" PRIx32
		" optional %" PRIx32 "\n",
		h->log.origin, h->log.incarnation, folder, h->account,
		h->first_lsn, h->base_ms, h->chain_before, h->required,
		h->optional);
}

static void print_frame(const struct frame *frame, struct buf *ret)
{
	AUTO_FREE char *hex = mem_alloc(2 * frame->payload.len + 1);

	hex_encode(frame->payload.data, frame->payload.len, hex);
	buf_printf(ret,
		"at %" PRId64 " size %" PRIu32 " kind %d lsn %" PRIu64
		" count %" PRIu32 " chain %016" PRIx64 "\n  %s\n",
		frame->at, frame->size, (int)frame->kind, frame->first_lsn,
		frame->count, frame->chain, *hex ? hex : "no payload");
}

/*
 * lib/segment writes the frame as it stands here; not where zstd is used,
 * whose encoder may write something else next year.
 */
static bool is_written_so(const struct frame *frame, const struct buf *file)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	const uint8_t *found = file->data + frame->at;

	if (found[0] == ZSTD)
		return true;
	frame_encode(frame->kind, frame->count, frame->payload.data,
		frame->payload.len, 9, frame->chain_before, &bytes);
	return bytes.len == frame->size &&
	       memcmp(bytes.data, found, bytes.len) == 0;
}

static bool header_is_written_so(
	const struct segment_header *h, const struct buf *file)
{
	AUTO_BUF struct buf bytes = BUF_INIT;

	segment_header_encode(h, &bytes);
	return h->optional || memcmp(bytes.data, file->data, bytes.len) == 0;
}

/* All that the reader gives, as text; then the error, if it ends in one. */
static int read_file(struct golden *g, const char *path, const struct buf *file,
	struct buf *ret, struct err *err)
{
	struct frame frame = {0};
	struct segment_reader r;
	int rc;

	rc = segment_reader_open(&r, os_real(), path, -1, err);
	if (rc < 0)
		return rc;
	print_header(&r.header, ret);
	golden_expect(g, header_is_written_so(&r.header, file), path,
		"its header is not written so");
	while ((rc = segment_reader_next(&r, &frame, err)) > 0) {
		print_frame(&frame, ret);
		golden_expect(g, is_written_so(&frame, file), path,
			"a frame is not written so");
	}
	frame_free(&frame);
	segment_reader_close(&r);
	return rc;
}

static void check_good(struct golden *g, const struct sample *sample)
{
	AUTO_FREE char *path = mem_printf("good/%s.changes", sample->name);
	AUTO_FREE char *beside = mem_printf("good/%s.txt", sample->name);
	AUTO_BUF struct buf text = BUF_INIT;
	struct maker m = {{0}, 0};
	struct err err = ERR_INIT;

	sample->make(&m);
	golden_check(g, path, m.bytes.data, m.bytes.len);
	golden_expect(g, read_file(g, path, &m.bytes, &text, &err) == 0, path,
		err.text);
	golden_check(g, beside, text.data, text.len);
	buf_free(&m.bytes);
}

static void check_bad(struct golden *g, const struct sample *sample)
{
	AUTO_FREE char *path = mem_printf("bad/%s.changes", sample->name);
	AUTO_FREE char *beside = mem_printf("bad/%s.error", sample->name);
	AUTO_BUF struct buf text = BUF_INIT;
	struct maker m = {{0}, 0};
	struct err err = ERR_INIT;

	sample->make(&m);
	golden_check(g, path, m.bytes.data, m.bytes.len);
	golden_expect(g, read_file(g, path, &m.bytes, &text, &err) < 0, path,
		"is read without an error");
	buf_clear(&text);
	buf_printf(&text, "%d %s\n", err.code, err.text);
	golden_check(g, beside, text.data, text.len);
	buf_free(&m.bytes);
}

int main(int argc, char **argv)
{
	struct golden g;

	if (!golden_start(&g, argc, argv))
		return 2;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_good(&g, &good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_bad(&g, &bad[i]);
	return golden_end(&g);
}
