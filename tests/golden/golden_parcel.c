/*
 * golden_parcel: parcels and bundles, whole and hostile.
 *
 * They are put together here from docs/format.md, not by lib/parcel, which is
 * what is tested: sealed by parcelforge.h from the site of seed "a" to that of
 * seed "b", with one nonce for all. Beside good/x.parcel lies in good/x.txt
 * what the inspector prints of it; beside bad/x.parcel in bad/x.error why it
 * is refused. Bundles alike.
 */
#include "../support/parcelforge.h"
#include "../support/tarforge.h"

#include "bundle.h"
#include "err.h"
#include "golden.h"
#include "inspect.h"
#include "parcel.h"

#include <fcntl.h>

static const uint8_t nonce[24] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

struct maker {
	struct key_pair a, b, stranger;
	struct buf bytes;    /* the file */
	struct buf contents; /* of the parcel, where make does not seal */
};

struct sample {
	const char *name;
	void (*make)(struct maker *m);
	bool written_so; /* the library writes it so, byte for byte */
};

/* ---- sections, field by field ---- */

static void put_section(struct buf *to, uint8_t type, const struct buf *bytes)
{
	buf_add_byte(to, type);
	wire_add_bytes(to, bytes->data, bytes->len);
}

static void put_account(struct buf *to, const char *name)
{
	wire_add_bytes(to, name, strlen(name));
}

/* Two, one behind `from`, the other `second` behind that, of what is not all of
   the log; 0: none. */
static void put_ends(struct buf *to, uint64_t second)
{
	wire_add_varint(to, second ? 2 << 1 | 1 : 0);
	if (!second)
		return;
	wire_add_varint(to, 1);
	wire_add_u32(to, 0xb1b2b3b4u); /* of the chain value there */
	wire_add_varint(to, second);
	wire_add_u32(to, 0xc1c2c3c4u);
}

/* again: as a section of type 10 has it; below 0: one of type 1. */
static void put_changes_as(struct buf *to, int again, const char *account,
	uint8_t how, const void *log, size_t log_len, uint64_t ends)
{
	struct buf s = BUF_INIT;

	if (again >= 0)
		wire_add_varint(&s, (uint64_t)again);
	put_account(&s, account);
	buf_add_byte(&s, how);
	buf_add(&s, log, log_len);
	wire_add_varint(&s, 12345);	       /* from */
	wire_add_u64(&s, 0x0102030405060708u); /* chain there */
	wire_add_varint(&s, 9);		       /* to - from */
	wire_add_u64(&s, 0xf1f2f3f4f5f6f7f8u); /* chain there */
	wire_add_varint(&s, 1795303760123u);   /* base time */
	wire_add_varint(&s, 0);		       /* first lsn */
	put_ends(&s, ends);
	buf_add_str(&s, "15 bytes of it.");
	put_section(to, again < 0 ? 1 : 10, &s);
	buf_free(&s);
}

static void put_changes(struct buf *to, const char *account, uint8_t how,
	const void *log, size_t log_len, uint64_t ends)
{
	put_changes_as(to, -1, account, how, log, log_len, ends);
}

/* The sender's own INBOX, incarnation "incarnat". */
static void put_own_changes(struct buf *to, const char *account)
{
	put_changes(to, account, 0x21, "incarnat", 8, 0);
}

static void put_whole_body(struct buf *to, const char *bytes)
{
	struct buf s = BUF_INIT;

	wire_add_varint(&s, 0);
	buf_add_str(&s, bytes);
	put_section(to, 2, &s);
	buf_free(&s);
}

static void put_piece(
	struct buf *to, uint64_t place, uint64_t size, const char *bytes)
{
	struct buf s = BUF_INIT;

	wire_add_varint(&s, place);
	buf_add_str(&s, "twenty bytes of hash");
	wire_add_varint(&s, size);
	buf_add_str(&s, bytes);
	put_section(to, 2, &s);
	buf_free(&s);
}

/* relays: what others wrote is taken from the recipient, too. */
static void put_ack_head(struct buf *to, uint64_t entries, bool relays)
{
	put_account(to, "alice");
	wire_add_u64(to, 0x5555555555555555u); /* incarnation */
	wire_add_varint(to, 300);	       /* count */
	wire_add_varint(to, entries << 1 | relays);
}

static void put_ack_entry(struct buf *to, uint8_t how, const char *log,
	uint64_t lsn, uint64_t behind)
{
	buf_add_byte(to, how);
	buf_add_str(to, log);
	wire_add_varint(to, lsn);
	wire_add_u64(to, lsn * 3); /* chain there */
	wire_add_varint(to, behind);
}

/* how: with which of folder and log. */
static void put_late(struct buf *to, uint8_t how, const char *folder,
	const char *log, uint64_t lsn, uint64_t uid)
{
	buf_add_byte(to, how);
	buf_add_str(to, folder);
	if (how == 0)
		wire_add_varint(to, 300); /* UIDNEXT */
	if (how < 2)
		buf_add_str(to, log);
	wire_add_varint(to, lsn);
	wire_add_varint(to, uid);
}

static void put_ack(struct buf *to)
{
	struct buf s = BUF_INIT;

	put_ack_head(&s, 4, true);
	put_ack_entry(&s, 0x20, "originalincarnat", 1000, 0);
	put_ack_entry(&s, 0x0a, "sixteen byte id.", 9, 4);
	put_ack_entry(&s, 0x19, "", 0, 0); /* the sender's account log */
	put_ack_entry(&s, 0x20, "anotheroINCARNAT", 70000, 70000);
	wire_add_varint(&s, 5); /* two, and there may be more */
	buf_add_str(&s, "twenty bytes of hash");
	wire_add_varint(&s, 0);
	buf_add_str(&s, "twenty bytes of HASH");
	wire_add_varint(&s, 5000000 << 1 | 1);
	put_late(&s, 0, "A sixteen bytes.", "\x21INCARNAT", 12, 7);
	put_late(&s, 2, "", "", 200, UINT32_MAX); /* lsn 212 */
	put_late(&s, 1, "", "\x21incarnat", 5, 9);
	put_late(&s, 0, "B sixteen bytes.", "\x29", 5, 3);
	put_section(to, 3, &s);
	buf_free(&s);
}

static void put_stated(
	struct buf *to, uint8_t how, const char *folder, uint64_t messages)
{
	buf_add_byte(to, how);
	buf_add_str(to, folder);
	wire_add_varint(to, messages);
	wire_add_u64(to, messages * 5); /* digest */
}

static void put_statement_head(struct buf *to, const char *account)
{
	put_account(to, account);
	wire_add_u64(to, 0x7777777777777777u); /* vector */
}

static void put_statement(struct buf *to)
{
	struct buf s = BUF_INIT;

	put_statement_head(&s, "alice");
	put_stated(&s, 0, "A sixteen bytes.", 1);
	put_stated(&s, 1, "", 4000);
	put_stated(&s, 0, "sixteen byte id.", 0);
	put_section(to, 4, &s);
	buf_free(&s);
}

/* Of the account and the folder that the changes before it are of. */
static void put_changes_and_statement(struct buf *to)
{
	struct buf s = BUF_INIT;

	put_changes(to, "alice", 0x01, "incarnatsixteen byte id.", 24, 0);
	put_statement_head(&s, "");
	put_stated(&s, 1, "", 4000);
	put_stated(&s, 2, "", 7);
	put_section(to, 4, &s);
	buf_free(&s);
}

/* Of a comparison: how the folder is written, it, kind and flags. */
static void put_compare_head(
	struct buf *to, uint8_t how, const char *folder, uint8_t kind)
{
	put_account(to, "alice");
	buf_add_byte(to, how);
	buf_add_str(to, folder);
	buf_add_byte(to, kind);
	buf_add_str(to, "a seed of 16 b.!");
}

static void put_question(struct buf *to, uint64_t symbols, uint64_t columns)
{
	struct buf s = BUF_INIT;

	put_compare_head(&s, 1, "", 0x01);
	wire_add_varint(&s, 3);		       /* term */
	wire_add_u64(&s, 0x5555555555555555u); /* authority */
	wire_add_varint(&s, 1795303760);       /* UIDVALIDITY */
	wire_add_varint(&s, symbols);
	wire_add_varint(&s, columns);
	put_section(to, 5, &s);
	buf_free(&s);
}

static void put_sketch_and_table(struct buf *to)
{
	struct buf s = BUF_INIT;

	put_compare_head(&s, 0, "sixteen byte id.", 0x11);
	buf_add_str(&s, "a sketch");
	put_section(to, 6, &s);
	buf_clear(&s);
	put_compare_head(&s, 0, "sixteen byte id.", 0x02);
	buf_add_str(&s, "a state table");
	put_section(to, 7, &s);
	buf_free(&s);
}

static void put_keys(struct buf *to, uint64_t first, uint64_t second)
{
	wire_add_varint(to, 2);
	wire_add_u64(to, first);
	wire_add_u64(to, second);
}

static void put_rows(struct buf *to)
{
	struct buf s = BUF_INIT;

	put_compare_head(&s, 1, "", 0x41);
	put_keys(&s, 0x0102030405060708u, 0xf1f2f3f4f5f6f7f8u);
	wire_add_varint(&s, 2); /* runs of UIDs: 1..1, 7..16 */
	buf_add(&s, "\x00\x00\x04\x09", 4);
	wire_add_varint(&s, 1); /* logs of dead dots */
	buf_add_byte(&s, 0x21);
	buf_add_str(&s, "incarnat");
	wire_add_varint(&s, 1);
	buf_add(&s, "\x06\x00", 2); /* 7..7 */
	buf_add_byte(&s, 0x29);	    /* what the changes are relative to */
	wire_add_varint(&s, 1795303760123u);
	buf_add_str(&s, "15 bytes of it.");
	put_section(to, 8, &s);
	buf_clear(&s);
	put_compare_head(&s, 1, "", 0x61); /* equal: nothing more */
	buf_add(&s, "\0\0\0", 3);
	put_section(to, 8, &s);
	buf_free(&s);
}

static void put_join(
	struct buf *to, uint8_t what, uint64_t gone, const char *contents)
{
	struct buf s = BUF_INIT;

	put_account(&s, "alice");
	buf_add_byte(&s, what);
	wire_add_u64(&s, 0x5555555555555555u); /* the asker's incarnation */
	wire_add_varint(&s, 2);		       /* positions */
	buf_add_byte(&s, 0x20);
	buf_add_str(&s, "originalincarnat");
	wire_add_varint(&s, 1000);
	wire_add_u64(&s, 3000); /* chain there */
	buf_add_byte(&s, 0x0a);
	buf_add_str(&s, "sixteen byte id.");
	wire_add_varint(&s, 9);
	wire_add_u64(&s, 27);
	wire_add_varint(&s, gone);
	buf_add_str(&s, contents);
	put_section(to, 9, &s);
	buf_free(&s);
}

/* Site a gets the key of the stranger for its own; both sign. */
static void put_key_change(
	struct maker *m, uint8_t flags, uint8_t serial, const char *behind)
{
	uint8_t signature[64];
	struct buf s = BUF_INIT, words = BUF_INIT;

	buf_add_byte(&s, flags);
	buf_add_byte(&s, 0); /* retired */
	if (flags & 2)
		buf_add(&s, "\x05\x04", 2); /* uses, refuses */
	buf_add_byte(&s, serial);
	buf_add(&s, m->a.pub.sign, 32);
	buf_add(&s, m->stranger.pub.sign, 32);
	buf_add_str(&words, "packetboat key change 1");
	wire_add_u64(&words, m->a.pub.origin);
	buf_add(&words, s.data + s.len - 65, 65);
	crypto_sign_detached(
		signature, NULL, words.data, words.len, m->a.sign_secret);
	buf_add(&s, signature, 64);
	crypto_sign_detached(signature, NULL, words.data, words.len,
		m->stranger.sign_secret);
	buf_add(&s, signature, 64);
	buf_add_str(&s, behind);
	put_section(&m->contents, 12, &s);
	buf_free(&words);
	buf_free(&s);
}

/* Lsns 7 and 9 to 18 of a log of the sender's are to come whole. */
static void put_asks_brief(struct buf *to, uint64_t runs)
{
	struct buf s = BUF_INIT;

	put_account(&s, "alice");
	buf_add_byte(&s, 4);
	wire_add_u64(&s, 0x5555555555555555u); /* the asker's incarnation */
	wire_add_varint(&s, 0);		       /* positions */
	wire_add_varint(&s, 1);		       /* logs */
	buf_add_byte(&s, 0x21);
	buf_add_str(&s, "incarnat");
	wire_add_varint(&s, runs);
	buf_add(&s, "\x06\x00\x00\x09", 4);
	put_section(to, 9, &s);
	buf_free(&s);
}

static void put_brief(struct buf *to, uint64_t len)
{
	struct buf s = BUF_INIT;

	put_account(&s, "alice");
	buf_add_byte(&s, 0x21);
	buf_add_str(&s, "incarnat");
	wire_add_varint(&s, 12345);	       /* from */
	wire_add_u64(&s, 0x0102030405060708u); /* chain there */
	wire_add_varint(&s, 9);		       /* to - from */
	wire_add_u64(&s, 0xf1f2f3f4f5f6f7f8u); /* chain there */
	wire_add_varint(&s, 1795303760123u);   /* base time */
	wire_add_varint(&s, 0);		       /* first lsn */
	put_ends(&s, 0);
	wire_add_varint(&s, len);
	buf_add_str(&s, "24 bytes of what is left");
	buf_add_str(&s, "15 bytes of it.");
	put_section(to, 11, &s);
	buf_free(&s);
}

/* ---- good parcels ---- */

static void begin_stored(struct maker *m)
{
	buf_add_byte(&m->contents, 0);
}

static void flag_change(struct maker *m)
{
	begin_stored(m);
	put_own_changes(&m->contents, "alice");
}

static void no_section(struct maker *m)
{
	begin_stored(m);
}

static void put_preview(struct buf *to, const char *bytes)
{
	AUTO_BUF struct buf s = BUF_INIT;

	put_account(&s, "alice");
	buf_add_str(&s, "twenty bytes of HASH");
	buf_add_str(&s, bytes);
	put_section(to, 13, &s);
}

static void every_section(struct maker *m)
{
	begin_stored(m);
	put_ack(&m->contents);
	put_own_changes(&m->contents, "alice@example.org");
	put_changes(&m->contents, "alice@example.org", 0x10, "originalincarnat",
		16, 7);
	put_changes(&m->contents, "alice@example.org", 0x01,
		"incarnatsixteen byte id.", 24, 0);
	put_changes_as(&m->contents, 0, "bob", 0x21, "incarnat", 8, 0);
	put_changes_as(&m->contents, 1, "bob", 0x21, "incarnat", 8, 0);
	put_changes_as(&m->contents, 301, "bob", 0x21, "incarnat", 8, 0);
	put_whole_body(&m->contents, "From: me\n\nhi\n");
	put_whole_body(&m->contents, "");
	put_piece(&m->contents, 1, 100000000000, "the first bytes");
	put_piece(&m->contents, 99999999996, 100000000000, "last.");
	put_statement(&m->contents);
	put_changes_and_statement(&m->contents);
	put_preview(&m->contents, "Subject: [held: 5.0 MB]\n\n");
}

static void comparison(struct maker *m)
{
	begin_stored(m);
	put_question(&m->contents, 64, 0);
	put_question(&m->contents, 0, 0x43);
	put_sketch_and_table(&m->contents);
	put_rows(&m->contents);
}

static void joining(struct maker *m)
{
	begin_stored(m);
	put_join(&m->contents, 8 | 1, 0, "");
	put_join(&m->contents, 3, 3, "0123456789abcdef0123456789abcdeg");
	put_join(&m->contents, 2, 3, "1123456789abcdef");
	put_asks_brief(&m->contents, 2);
	put_brief(&m->contents, 24);
}

static void keys(struct maker *m)
{
	struct buf s = BUF_INIT;

	begin_stored(m);
	put_key_change(m, 5, 1, "");
	put_key_change(m, 7, 1, "");
	buf_add(&s, "\x01\x07", 2); /* says only what is retired */
	put_section(&m->contents, 12, &s);
	buf_clear(&s);
	buf_add(&s, "\x02\x01\x00", 3); /* answers */
	put_section(&m->contents, 12, &s);
	buf_free(&s);
}

/*
 * A body of 200 times 'a': codec 1, raw size 204, a zstd frame of content size
 * 204 with a raw block of four bytes and an RLE block. By hand, because what
 * the encoder makes differs from one version of libzstd to the next.
 */
#define RAW_204 "\x01\xcc\x01"
#define ZSTD_204                                                               \
	"\x28\xb5\x2f\xfd\x20\xcc"                                             \
	"\x20\x00\x00\x02\xc9\x01\x00"                                         \
	"\x43\x06\x00"                                                         \
	"a"
#define ZSTD_204_SIZE 17

static void put_packed(
	struct maker *m, const char *raw, const char *frame, size_t len)
{
	buf_add_str(&m->contents, raw);
	buf_add(&m->contents, frame, len);
}

static void packed(struct maker *m)
{
	put_packed(m, RAW_204, ZSTD_204, ZSTD_204_SIZE);
}

static void is_signed(struct maker *m)
{
	flag_change(m);
	parcel_forge_signed(
		&m->a, &m->b, m->contents.data, m->contents.len, &m->bytes);
}

static const struct sample good_parcels[] = {
	{"parcel-signed", is_signed, true},
	{"parcel-flag-change", flag_change, true},
	{"parcel-no-section", no_section, true},
	{"parcel-every-section", every_section, false},
	{"parcel-packed", packed, false},
	{"parcel-comparison", comparison, false},
	{"parcel-joining", joining, false},
	{"parcel-keys", keys, false},
};

/* ---- bad parcels: envelopes ---- */

static void seal(
	struct maker *m, const struct key_pair *from, const struct key_pair *to)
{
	parcel_forge(
		from, to, nonce, m->contents.data, m->contents.len, &m->bytes);
}

static void no_parcel(struct maker *m)
{
	buf_add_str(&m->bytes, "From alice@example.org Sat Nov 22 2026\n");
}

static void torn(struct maker *m)
{
	flag_change(m);
	seal(m, &m->a, &m->b);
	m->bytes.len = 60;
}

static void version_2(struct maker *m)
{
	flag_change(m);
	seal(m, &m->a, &m->b);
	m->bytes.data[3] = 2;
}

static void tag_flipped(struct maker *m)
{
	flag_change(m);
	seal(m, &m->a, &m->b);
	m->bytes.data[m->bytes.len - 1] ^= 1;
}

static void text_mode(struct maker *m)
{
	flag_change(m);
	seal(m, &m->a, &m->b);
	for (size_t i = 0; i < m->bytes.len; i++)
		m->bytes.data[i] &= 0x7f;
}

static void for_another(struct maker *m)
{
	flag_change(m);
	seal(m, &m->a, &m->stranger);
}

static void signed_by_another(struct maker *m)
{
	flag_change(m);
	struct key_pair liar = m->stranger;
	liar.pub.origin = m->a.pub.origin;
	parcel_forge_signed(
		&liar, &m->b, m->contents.data, m->contents.len, &m->bytes);
}

static void signed_torn(struct maker *m)
{
	is_signed(m);
	m->bytes.len = 84; /* names and signature */
}

static void from_a_stranger(struct maker *m)
{
	flag_change(m);
	seal(m, &m->stranger, &m->b);
}

static void from_a_liar(struct maker *m)
{
	struct key_pair liar = m->stranger;

	liar.pub.origin = m->a.pub.origin;
	flag_change(m);
	seal(m, &liar, &m->b);
}

static void turned_round(struct maker *m)
{
	uint8_t sender[8];

	flag_change(m);
	seal(m, &m->b, &m->a);
	memcpy(sender, m->bytes.data + 4, 8);
	memmove(m->bytes.data + 4, m->bytes.data + 12, 8);
	memcpy(m->bytes.data + 12, sender, 8);
}

/* ---- bad parcels: contents ---- */

static void codec_unknown(struct maker *m)
{
	buf_add_str(&m->contents, "\x02 of a newer codec");
}

static void raw_size_over_limit(struct maker *m)
{
	put_packed(m, "\x01\x81\x80\x80\x08", ZSTD_204, ZSTD_204_SIZE);
}

static void raw_size_not_the_frames(struct maker *m)
{
	put_packed(m, "\x01\xcb\x01", ZSTD_204, ZSTD_204_SIZE);
}

/* The frame says 204 too, and its blocks give 65,536 more. */
static void bomb(struct maker *m)
{
	put_packed(m, RAW_204,
		"\x28\xb5\x2f\xfd\x20\xcc"
		"\x20\x00\x00\x02\xc9\x01\x00"
		"\x03\x00\x08"
		"a",
		ZSTD_204_SIZE);
}

static void frame_gives_less(struct maker *m)
{
	put_packed(m, RAW_204,
		"\x28\xb5\x2f\xfd\x20\xcc"
		"\x20\x00\x00\x02\xc9\x01\x00"
		"\x3b\x06\x00"
		"a",
		ZSTD_204_SIZE);
}

static void frame_without_size(struct maker *m)
{
	put_packed(m, RAW_204,
		"\x28\xb5\x2f\xfd\x00\x58"
		"\x20\x00\x00\x02\xc9\x01\x00"
		"\x43\x06\x00"
		"a",
		ZSTD_204_SIZE);
}

static void two_frames(struct maker *m)
{
	packed(m);
	buf_add(&m->contents, ZSTD_204, ZSTD_204_SIZE);
}

static void no_frame(struct maker *m)
{
	put_packed(m, RAW_204, "not what zstd wrote", 19);
}

/* ---- bad parcels: sections ---- */

static void section_unknown(struct maker *m)
{
	begin_stored(m);
	put_own_changes(&m->contents, "alice");
	buf_add_str(&m->contents, "\x0e\x05newer");
}

static void section_cut(struct maker *m)
{
	begin_stored(m);
	put_own_changes(&m->contents, "alice");
	m->contents.len--;
}

static void account_climbs(struct maker *m)
{
	begin_stored(m);
	put_own_changes(&m->contents, "../alice");
}

static void account_empty(struct maker *m)
{
	begin_stored(m);
	put_own_changes(&m->contents, "");
}

static void account_with_newline(struct maker *m)
{
	begin_stored(m);
	put_own_changes(&m->contents, "alice\nbob");
}

static void log_of_nobody(struct maker *m)
{
	begin_stored(m);
	put_changes(&m->contents, "alice", 0x22, "incarnat", 8, 0);
}

/* The INBOX by its sixteen bytes. */
static void log_spelled_out(struct maker *m)
{
	begin_stored(m);
	put_changes(&m->contents, "alice", 0x01,
		"incarnatINBOX\0\0\0\0\0\0\0\0\0\0\0", 24, 0);
}

static void piece_beyond_its_body(struct maker *m)
{
	begin_stored(m);
	put_piece(&m->contents, 7, 10, "12345");
}

static void ack_of_too_many(struct maker *m)
{
	struct buf s = BUF_INIT;

	begin_stored(m);
	put_ack_head(&s, 1u << 30, false);
	put_section(&m->contents, 3, &s);
	buf_free(&s);
}

static void ack_ahead_of_itself(struct maker *m)
{
	struct buf s = BUF_INIT;

	begin_stored(m);
	put_ack_head(&s, 1, false);
	put_ack_entry(&s, 0x21, "incarnat", 9, 10);
	wire_add_varint(&s, 0);
	put_section(&m->contents, 3, &s);
	buf_free(&s);
}

/* With one message that came late, and one of these. */
static void put_bad_late(struct maker *m, uint8_t how, const char *folder,
	uint64_t lsn, uint64_t uid)
{
	struct buf s = BUF_INIT;

	begin_stored(m);
	put_ack_head(&s, 0, false);
	wire_add_varint(&s, 0);
	put_late(&s, 0, "B sixteen bytes.", "\x21incarnat", 12, 7);
	put_late(&s, how, folder, "\x29", lsn, uid);
	put_section(&m->contents, 3, &s);
	buf_free(&s);
}

static void late_without_a_uid(struct maker *m)
{
	put_bad_late(m, 2, "", 1, 0);
}

static void late_over_the_largest(struct maker *m)
{
	put_bad_late(m, 2, "", 1, UINT64_C(1) << 32);
}

static void late_out_of_order(struct maker *m)
{
	put_bad_late(m, 0, "A sixteen bytes.", 1, 9);
}

static void late_twice(struct maker *m)
{
	put_bad_late(m, 2, "", 0, 9);
}

/* Of the same folder and log, and says which log. */
static void late_spelled_out(struct maker *m)
{
	put_bad_late(m, 1, "", 13, 9);
}

static void put_bad_statement(struct maker *m, const char *account, uint8_t how,
	const char *folder, const char *more)
{
	struct buf s = BUF_INIT;

	put_statement_head(&s, account);
	put_stated(&s, 1, "", 4000);
	put_stated(&s, how, folder, 7);
	buf_add_str(&s, more);
	put_section(&m->contents, 4, &s);
	buf_free(&s);
}

static void statement_out_of_order(struct maker *m)
{
	begin_stored(m);
	put_bad_statement(m, "alice", 0, "A sixteen bytes.", "");
}

static void statement_of_a_folder_twice(struct maker *m)
{
	begin_stored(m);
	put_bad_statement(m, "alice", 1, "", "");
}

static void statement_how_unknown(struct maker *m)
{
	begin_stored(m);
	put_bad_statement(m, "alice", 3, "", "");
}

static void statement_of_no_folder_before(struct maker *m)
{
	begin_stored(m);
	put_bad_statement(m, "alice", 2, "", "");
}

static void statement_of_no_account_before(struct maker *m)
{
	begin_stored(m);
	put_bad_statement(m, "", 0, "sixteen byte id.", "");
}

static void statement_spells_its_account(struct maker *m)
{
	begin_stored(m);
	put_own_changes(&m->contents, "alice");
	put_bad_statement(m, "alice", 0, "sixteen byte id.", "");
}

static void statement_spells_its_folder(struct maker *m)
{
	begin_stored(m);
	put_changes(
		&m->contents, "alice", 0x01, "incarnatsixteen byte id.", 24, 0);
	put_bad_statement(m, "", 0, "sixteen byte id.", "");
}

static void statement_bytes_behind(struct maker *m)
{
	begin_stored(m);
	put_bad_statement(m, "alice", 0, "sixteen byte id.", "more");
}

static void statement_of_nothing(struct maker *m)
{
	struct buf s = BUF_INIT;

	begin_stored(m);
	put_statement_head(&s, "alice");
	put_section(&m->contents, 4, &s);
	buf_free(&s);
}

static void question_for_both(struct maker *m)
{
	begin_stored(m);
	put_question(&m->contents, 64, 3);
}

static void put_bad_rows(
	struct maker *m, uint8_t how, uint8_t kind, uint64_t first)
{
	struct buf s = BUF_INIT;

	begin_stored(m);
	put_compare_head(&s, how, how ? "" : "sixteen byte id.", kind);
	put_keys(&s, first, 7);
	buf_add(&s, "\0\0", 2);
	put_section(&m->contents, 8, &s);
	buf_free(&s);
}

static void keys_flags_unknown(struct maker *m)
{
	begin_stored(m);
	put_key_change(m, 13, 1, "");
}

static void keys_change_unsaid(struct maker *m)
{
	begin_stored(m);
	put_key_change(m, 4, 1, "");
}

static void keys_serial_of_the_first(struct maker *m)
{
	begin_stored(m);
	put_key_change(m, 5, 0, "");
}

static void keys_bytes_behind(struct maker *m)
{
	begin_stored(m);
	put_key_change(m, 5, 1, "!");
}

static void join_of_unknown_kind(struct maker *m)
{
	begin_stored(m);
	put_join(&m->contents, 5, 0, "");
}

static void join_out_of_order(struct maker *m)
{
	begin_stored(m);
	put_join(&m->contents, 2, 2, "0123456789abcdef0123456789abcdef");
}

static void join_cut(struct maker *m)
{
	begin_stored(m);
	put_join(&m->contents, 2, 2, "0123456789abcdef0123456");
}

static void asks_brief_bytes_behind(struct maker *m)
{
	begin_stored(m);
	put_asks_brief(&m->contents, 1);
}

static void brief_longer_than_its_section(struct maker *m)
{
	begin_stored(m);
	put_brief(&m->contents, 40);
}

static void rows_of_unknown_kind(struct maker *m)
{
	put_bad_rows(m, 1, 0x03, 6);
}

static void rows_of_unknown_folder(struct maker *m)
{
	put_bad_rows(m, 2, 0x01, 6);
}

static void rows_ask_twice(struct maker *m)
{
	put_bad_rows(m, 1, 0x01, 7);
}

static void end_at_the_end(struct maker *m)
{
	begin_stored(m);
	put_changes(&m->contents, "alice", 0x21, "incarnat", 8, 8);
}

static const struct sample bad_parcels[] = {
	{"parcel-end-at-the-end", end_at_the_end, false},
	{"parcel-no-parcel", no_parcel, false},
	{"parcel-torn", torn, false},
	{"parcel-version-2", version_2, false},
	{"parcel-tag-flipped", tag_flipped, false},
	{"parcel-text-mode", text_mode, false},
	{"parcel-for-another", for_another, false},
	{"parcel-from-a-stranger", from_a_stranger, false},
	{"parcel-from-a-liar", from_a_liar, false},
	{"parcel-signed-by-another", signed_by_another, false},
	{"parcel-signed-torn", signed_torn, false},
	{"parcel-turned-round", turned_round, false},
	{"parcel-codec-unknown", codec_unknown, false},
	{"parcel-raw-size-over-limit", raw_size_over_limit, false},
	{"parcel-raw-size-not-the-frames", raw_size_not_the_frames, false},
	{"parcel-bomb", bomb, false},
	{"parcel-frame-gives-less", frame_gives_less, false},
	{"parcel-frame-without-size", frame_without_size, false},
	{"parcel-two-frames", two_frames, false},
	{"parcel-no-frame", no_frame, false},
	{"parcel-section-unknown", section_unknown, false},
	{"parcel-section-cut", section_cut, false},
	{"parcel-account-climbs", account_climbs, false},
	{"parcel-account-empty", account_empty, false},
	{"parcel-account-with-newline", account_with_newline, false},
	{"parcel-log-of-nobody", log_of_nobody, false},
	{"parcel-log-spelled-out", log_spelled_out, false},
	{"parcel-piece-beyond-its-body", piece_beyond_its_body, false},
	{"parcel-ack-of-too-many", ack_of_too_many, false},
	{"parcel-ack-ahead-of-itself", ack_ahead_of_itself, false},
	{"parcel-late-without-a-uid", late_without_a_uid, false},
	{"parcel-late-over-the-largest", late_over_the_largest, false},
	{"parcel-late-out-of-order", late_out_of_order, false},
	{"parcel-late-twice", late_twice, false},
	{"parcel-late-spelled-out", late_spelled_out, false},
	{"parcel-question-for-both", question_for_both, false},
	{"parcel-keys-flags-unknown", keys_flags_unknown, false},
	{"parcel-keys-change-unsaid", keys_change_unsaid, false},
	{"parcel-keys-serial-of-the-first", keys_serial_of_the_first, false},
	{"parcel-keys-bytes-behind", keys_bytes_behind, false},
	{"parcel-join-of-unknown-kind", join_of_unknown_kind, false},
	{"parcel-join-out-of-order", join_out_of_order, false},
	{"parcel-join-cut", join_cut, false},
	{"parcel-asks-brief-bytes-behind", asks_brief_bytes_behind, false},
	{"parcel-brief-longer-than-its-section", brief_longer_than_its_section,
		false},
	{"parcel-rows-of-unknown-kind", rows_of_unknown_kind, false},
	{"parcel-rows-of-unknown-folder", rows_of_unknown_folder, false},
	{"parcel-rows-ask-twice", rows_ask_twice, false},
	{"parcel-statement-of-nothing", statement_of_nothing, false},
	{"parcel-statement-out-of-order", statement_out_of_order, false},
	{"parcel-statement-of-a-folder-twice", statement_of_a_folder_twice,
		false},
	{"parcel-statement-how-unknown", statement_how_unknown, false},
	{"parcel-statement-of-no-folder-before", statement_of_no_folder_before,
		false},
	{"parcel-statement-of-no-account-before",
		statement_of_no_account_before, false},
	{"parcel-statement-spells-its-account", statement_spells_its_account,
		false},
	{"parcel-statement-spells-its-folder", statement_spells_its_folder,
		false},
	{"parcel-statement-bytes-behind", statement_bytes_behind, false},
};

/* ---- bundles ---- */

static struct buf sealed_flag_change(struct maker *m)
{
	struct buf parcel = BUF_INIT;

	flag_change(m);
	parcel_forge(&m->a, &m->b, nonce, m->contents.data, m->contents.len,
		&parcel);
	return parcel;
}

/* Entries of a parcel each, with these names. */
static void put_entries(struct maker *m, const char *first, const char *second)
{
	struct buf parcel = sealed_flag_change(m);

	tar_add_file(&m->bytes, first, parcel.data, parcel.len);
	if (second)
		tar_add_file(&m->bytes, second, parcel.data, parcel.len);
	tar_add_end(&m->bytes);
	buf_free(&parcel);
}

static void two_parcels(struct maker *m)
{
	put_entries(m, "00000001.parcel", "00000002.parcel");
}

static void no_parcels(struct maker *m)
{
	tar_add_end(&m->bytes);
}

static void torn_between_entries(struct maker *m)
{
	two_parcels(m);
	m->bytes.len -= 4 * TAR_BLOCK;
}

static void torn_in_an_entry(struct maker *m)
{
	two_parcels(m);
	m->bytes.len -= 2 * TAR_BLOCK + 450;
}

static void bytes_behind(struct maker *m)
{
	two_parcels(m);
	buf_add_str(&m->bytes, "more");
}

static void name_absolute(struct maker *m)
{
	put_entries(m, "00000001.parcel", "/etc/cron.d/00000002");
}

static void name_climbs(struct maker *m)
{
	put_entries(m, "00000001.parcel", "../00000002.parcel");
}

static void name_left_out(struct maker *m)
{
	put_entries(m, "00000001.parcel", "00000003.parcel");
}

static void put_entry_of(
	struct maker *m, char type, const char *magic, uint64_t size)
{
	tar_add_header(
		&m->bytes, &(struct tar_header){.name = "00000001.parcel",
				   .magic = magic,
				   .link = type == '0' ? NULL : "/etc/passwd",
				   .type = type,
				   .size = size});
}

static void symlink_entry(struct maker *m)
{
	put_entry_of(m, '2', NULL, 0);
	tar_add_end(&m->bytes);
}

static void hardlink_entry(struct maker *m)
{
	put_entry_of(m, '1', NULL, 0);
	tar_add_end(&m->bytes);
}

static void device_entry(struct maker *m)
{
	put_entry_of(m, '3', NULL, 0);
	tar_add_end(&m->bytes);
}

static void size_huge(struct maker *m)
{
	put_entry_of(m, '0', NULL, 077777777777);
	tar_add_end(&m->bytes);
}

static void magic_of_gnu(struct maker *m)
{
	put_entry_of(m, '0', "ustar  ", 0);
	tar_add_end(&m->bytes);
}

static void pax_header(struct maker *m)
{
	static const char path[] = "24 path=00000001.parcel\n";

	put_entry_of(m, 'x', NULL, strlen(path));
	tar_add_data(&m->bytes, path, strlen(path));
	two_parcels(m);
}

/* The first bytes of a gzip file. */
static void gzip(struct maker *m)
{
	buf_add(&m->bytes, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
}

static const struct sample good_bundles[] = {
	{"bundle-two-parcels", two_parcels, true},
	{"bundle-no-parcels", no_parcels, true},
};

static const struct sample bad_bundles[] = {
	{"bundle-torn-between-entries", torn_between_entries, false},
	{"bundle-torn-in-an-entry", torn_in_an_entry, false},
	{"bundle-bytes-behind", bytes_behind, false},
	{"bundle-name-absolute", name_absolute, false},
	{"bundle-name-climbs", name_climbs, false},
	{"bundle-name-left-out", name_left_out, false},
	{"bundle-symlink", symlink_entry, false},
	{"bundle-hardlink", hardlink_entry, false},
	{"bundle-device", device_entry, false},
	{"bundle-size-huge", size_huge, false},
	{"bundle-magic-of-gnu", magic_of_gnu, false},
	{"bundle-pax-header", pax_header, false},
	{"bundle-gzip", gzip, false},
};

/* ---- checking ---- */

static void start(struct maker *m)
{
	*m = (struct maker){0};
	key_from_seed((const uint8_t[32]){'a'}, &m->a);
	m->a.pub.may_sign = true;
	key_from_seed((const uint8_t[32]){'b'}, &m->b);
	key_from_seed((const uint8_t[32]){'s'}, &m->stranger);
}

static void make(struct maker *m, const struct sample *sample)
{
	start(m);
	sample->make(m);
	if (m->bytes.len == 0)
		seal(m, &m->a, &m->b);
}

static void release(struct maker *m)
{
	buf_free(&m->bytes);
	buf_free(&m->contents);
}

static int open_parcel(const struct maker *m, struct buf *raw, struct err *err)
{
	struct parcel_sections sections = {0};
	size_t peer;
	int r = parcel_open(&m->b, NULL, &m->a.pub, 1, m->bytes.data,
		m->bytes.len, &peer, raw, err);

	if (r == 0)
		r = parcel_parse(
			m->a.pub.origin, raw->data, raw->len, &sections, err);
	parcel_sections_free(&sections);
	return r;
}

static void give_nonce(struct os *os, void *to, size_t len)
{
	(void)os;
	memcpy(to, nonce, len < sizeof(nonce) ? len : sizeof(nonce));
}

static bool is_sealed_so(const struct maker *m, const struct buf *raw)
{
	static const struct os_ops ops = {.random = give_nonce};
	struct os os = {.ops = &ops};
	AUTO_BUF struct buf again = BUF_INIT;

	int r = m->bytes.data[2] == 'S'
			? parcel_sign(&m->a, &m->b.pub, raw->data, raw->len, 19,
				  &again, NULL)
			: parcel_seal(&os, &m->a, &m->b.pub, raw->data,
				  raw->len, 19, &again, NULL);

	return r == 0 && again.len == m->bytes.len &&
	       memcmp(again.data, m->bytes.data, again.len) == 0;
}

static void check_good_parcel(struct golden *g, const struct sample *sample)
{
	AUTO_FREE char *path = mem_printf("good/%s.parcel", sample->name);
	AUTO_FREE char *beside = mem_printf("good/%s.txt", sample->name);
	AUTO_BUF struct buf text = BUF_INIT, raw = BUF_INIT;
	struct err err = ERR_INIT;
	struct maker m;

	make(&m, sample);
	golden_check(g, path, m.bytes.data, m.bytes.len);
	golden_expect(g, open_parcel(&m, &raw, &err) == 0, path, err.text);
	golden_expect(g, !sample->written_so || is_sealed_so(&m, &raw), path,
		"is not sealed so");
	parcel_print_open(m.bytes.data, m.bytes.len,
		&(struct inspect_keys){
			.self = &m.b, .peers = &m.a.pub, .peer_count = 1},
		&text);
	golden_check(g, beside, text.data, text.len);
	release(&m);
}

static void check_bad_parcel(struct golden *g, const struct sample *sample)
{
	AUTO_FREE char *path = mem_printf("bad/%s.parcel", sample->name);
	AUTO_FREE char *beside = mem_printf("bad/%s.error", sample->name);
	AUTO_BUF struct buf text = BUF_INIT, raw = BUF_INIT;
	struct err err = ERR_INIT;
	struct maker m;

	make(&m, sample);
	golden_check(g, path, m.bytes.data, m.bytes.len);
	golden_expect(g, open_parcel(&m, &raw, &err) < 0, path,
		"is opened without an error");
	buf_printf(&text, "%d %s\n", err.code, err.text);
	golden_check(g, beside, text.data, text.len);
	release(&m);
}

static int print_bundle(const char *path, struct buf *ret, struct err *err)
{
	struct os *os = os_real();
	int fd = os->ops->open(os, path, O_RDONLY, 0);
	int r;

	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = bundle_print(os, fd, path, NULL, ret, err);
	os->ops->close(os, fd);
	return r;
}

struct memory {
	struct os os;
	struct buf bytes;
};

static ssize_t keep_written(
	struct os *os, int fd, const void *from, size_t len, int64_t at)
{
	struct memory *memory = (struct memory *)os;

	(void)fd;
	(void)at;
	buf_add(&memory->bytes, from, len);
	return (ssize_t)len;
}

/* What bundle_writer makes of two flag changes, or of none. */
static bool is_bundled_so(struct maker *m, bool empty)
{
	static const struct os_ops ops = {.pwrite = keep_written};
	struct memory memory = {.os = {.ops = &ops}};
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_writer *w;
	struct hash hash;
	uint64_t size;
	bool same;

	buf_clear(&m->contents);
	parcel = sealed_flag_change(m);
	if (bundle_writer_open(&memory.os, 0, "memory", &w, NULL) < 0)
		return false;
	for (int i = 0; i < 2 && !empty; i++)
		bundle_writer_add(w, parcel.data, parcel.len, NULL);
	same = bundle_writer_finish(w, &size, &hash, NULL) == 0 &&
	       size == m->bytes.len && memory.bytes.len == size &&
	       memcmp(memory.bytes.data, m->bytes.data, size) == 0;
	buf_free(&memory.bytes);
	return same;
}

static void check_good_bundle(struct golden *g, const struct sample *sample)
{
	AUTO_FREE char *path = mem_printf("good/%s.bundle", sample->name);
	AUTO_FREE char *beside = mem_printf("good/%s.txt", sample->name);
	AUTO_BUF struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct maker m;

	make(&m, sample);
	golden_check(g, path, m.bytes.data, m.bytes.len);
	golden_expect(g, print_bundle(path, &text, &err) == 0, path, err.text);
	golden_expect(g, is_bundled_so(&m, sample->make == no_parcels), path,
		"is not written so");
	golden_check(g, beside, text.data, text.len);
	release(&m);
}

static void check_bad_bundle(struct golden *g, const struct sample *sample)
{
	AUTO_FREE char *path = mem_printf("bad/%s.bundle", sample->name);
	AUTO_FREE char *beside = mem_printf("bad/%s.error", sample->name);
	AUTO_BUF struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct maker m;

	make(&m, sample);
	golden_check(g, path, m.bytes.data, m.bytes.len);
	golden_expect(g, print_bundle(path, &text, &err) < 0, path,
		"is read without an error");
	buf_clear(&text);
	buf_printf(&text, "%d %s\n", err.code, err.text);
	golden_check(g, beside, text.data, text.len);
	release(&m);
}

int main(int argc, char **argv)
{
	struct golden g;

	if (!golden_start(&g, argc, argv))
		return 2;
	if (key_start(NULL) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(good_parcels) / sizeof(*good_parcels);
		i++)
		check_good_parcel(&g, &good_parcels[i]);
	for (size_t i = 0; i < sizeof(bad_parcels) / sizeof(*bad_parcels); i++)
		check_bad_parcel(&g, &bad_parcels[i]);
	for (size_t i = 0; i < sizeof(good_bundles) / sizeof(*good_bundles);
		i++)
		check_good_bundle(&g, &good_bundles[i]);
	for (size_t i = 0; i < sizeof(bad_bundles) / sizeof(*bad_bundles); i++)
		check_bad_bundle(&g, &bad_bundles[i]);
	return golden_end(&g);
}
