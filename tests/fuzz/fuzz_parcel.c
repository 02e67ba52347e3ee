/*
 * fuzz_parcel: any bytes as a parcel; as contents, sealed or signed first,
 * because nothing finds a tag by trying; and as sections.
 *
 * The keys are those of tests/golden/golden_parcel.c, so that the golden files
 * are seeds. What fails leaves nothing behind and says why. What parses is
 * written to the same bytes again, and comes back from a parcel.
 *
 * Planted bugs found from the seeds within five seconds: no check of a piece
 * against its body's size, the number of wants not held against the bytes
 * (8 GB), zstd told of more room than there is, a log id that may be spelled
 * in two ways.
 */
#include "../support/forgekeys.h"
#include "../support/parcelforge.h"

#include "err.h"
#include "inspect.h"
#include "parcel.h"

#define RAW_MAX (1u << 20) /* of one input: zstd makes much of little */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void no_random(struct os *os, void *to, size_t len)
{
	(void)os;
	memset(to, 0, len);
}

static void add_again(struct buf *to, uint64_t sender,
	const struct parcel_changes *before, const struct parcel_section *s)
{
	switch (s->type) {
	case PARCEL_CHANGES:
	case PARCEL_BRIEF:
		parcel_add_changes(to, sender, &s->changes);
		break;
	case PARCEL_BODY:
		require(s->body.offset <= s->body.size);
		require(s->body.len <= s->body.size - s->body.offset);
		parcel_add_body(to, &s->body);
		break;
	case PARCEL_ACK:
		parcel_add_ack(to, sender, &s->ack);
		break;
	case PARCEL_PREVIEW:
		require(s->preview.len && s->preview.len <= PARCEL_PREVIEW_MAX);
		parcel_add_preview(to, &s->preview);
		break;
	case PARCEL_JOIN:
		parcel_add_join(to, sender, &s->join);
		break;
	case PARCEL_KEYS:
		parcel_add_keys(to, &s->keys);
		break;
	case PARCEL_STATEMENT:
		parcel_add_statement(to, before, &s->statement);
		break;
	case PARCEL_COMPARE:
	case PARCEL_SKETCH:
	case PARCEL_TABLE:
	case PARCEL_ROWS:
		parcel_add_compare(to, sender, s->type, &s->compare);
		break;
	}
}

/* Sections that parsed come back from a parcel as they were. */
static void check_seal(const struct keys *keys, const void *data, size_t len)
{
	static const struct os_ops ops = {.random = no_random};
	struct os os = {.ops = &ops};
	AUTO_BUF struct buf parcel = BUF_INIT, raw = BUF_INIT;
	struct err err = ERR_INIT;
	size_t peer;

	require(parcel_seal(&os, &keys->a, &keys->b.pub, data, len, PARCEL_FAST,
			&parcel, &err) == 0);
	require(parcel.len <= len + 61);
	require(parcel_open(&keys->b, NULL, &keys->a.pub, 1, parcel.data,
			parcel.len, &peer, &raw, &err) == 0);
	require(raw.len == len && (!len || memcmp(raw.data, data, len) == 0));
}

static void try_sections(const struct keys *keys, const void *data, size_t len)
{
	AUTO_BUF struct buf again = BUF_INIT;
	struct parcel_sections sections;
	struct err err = ERR_INIT;
	int r = parcel_parse(keys->a.pub.origin, data, len, &sections, &err);

	if (r < 0) {
		require(r == ERR_CORRUPT || r == ERR_LIMIT);
		require(r == err.code && err.text[0] && !sections.items);
		return;
	}
	for (size_t i = 0; i < sections.count; i++) {
		const struct parcel_section *s = &sections.items[i];
		bool changes = i && s[-1].type == PARCEL_CHANGES;

		add_again(&again, keys->a.pub.origin,
			changes ? &s[-1].changes : NULL, s);
	}
	require(again.len == len &&
		(!len || memcmp(again.data, data, len) == 0));
	parcel_sections_free(&sections);
	check_seal(keys, data, len);
}

static void try_parcel(const struct keys *keys, const void *data, size_t len)
{
	struct inspect_keys inspect = {
		.self = &keys->b, .peers = &keys->a.pub, .peer_count = 1};
	AUTO_BUF struct buf raw = BUF_INIT, text = BUF_INIT;
	struct err err = ERR_INIT;
	size_t peer = 99;
	int r = parcel_open(
		&keys->b, NULL, &keys->a.pub, 1, data, len, &peer, &raw, &err);

	if (r < 0) {
		require(r == err.code && err.text[0] && raw.len == 0);
	} else {
		require(peer == 0 && raw.len <= PARCEL_RAW_MAX);
		if (raw.len <= RAW_MAX)
			try_sections(keys, raw.data, raw.len);
	}
	if (raw.len <= RAW_MAX)
		parcel_print_open(data, len, &inspect, &text);
	require(r < 0 || raw.len > RAW_MAX || text.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t nonce[24];
	AUTO_BUF struct buf sealed = BUF_INIT;
	const struct keys *keys = the_keys();

	try_parcel(keys, data, len);
	parcel_forge(&keys->a, &keys->b, nonce, data, len, &sealed);
	try_parcel(keys, sealed.data, sealed.len);
	buf_clear(&sealed);
	parcel_forge_signed(&keys->a, &keys->b, data, len, &sealed);
	try_parcel(keys, sealed.data, sealed.len);
	try_sections(keys, data, len);
	return 0;
}
