/*
 * fuzz_riblt: any bytes as the sketch of a peer's set, against a set of ours.
 *
 * The seed and the keys 1, 2, 3 are those of tests/golden/golden_compare.c.
 * The symbols are taken in two parts. Whatever they are, no more keys come out
 * than there are symbols; and what is said to be all that the sets differ in
 * makes of our symbols exactly the peer's.
 *
 * Planted bugs found: with the limit on the number of symbols in sketch_decode
 * left out, and with `shown` grown to the symbols of the last part only (a
 * write past it).
 */
#include "err.h"
#include "mem.h"
#include "sketch.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t seed[RIBLT_SEED_SIZE] = "sixteen bytes..";

static void demand(bool so)
{
	if (!so)
		abort();
}

static void make_set(struct riblt *set)
{
	riblt_init(set, seed);
	for (uint64_t key = 1; key <= 3; key++)
		riblt_add(set, key);
}

/* Our symbols with the differences put in, and out, are theirs. */
static void check_done(const struct riblt_decoder *d,
	const struct riblt_symbol *theirs, size_t count)
{
	struct riblt_symbol *mine = mem_array(count, sizeof(*mine));
	size_t at = 0;
	uint64_t key;
	bool other;

	for (size_t i = 0; i < count; i++)
		mine[i] = d->mine->symbols[i];
	while (riblt_found(d, &at, &key, &other)) {
		struct riblt_entry e = {
			.key = key, .hash = riblt_hash(seed, key)};

		for (; e.next < count; riblt_step(&e))
			riblt_put(&mine[e.next], &e, other ? 1 : 255);
	}
	for (size_t i = 0; i < count; i++)
		demand(mine[i].sum == theirs[i].sum &&
			mine[i].check == theirs[i].check &&
			mine[i].count == theirs[i].count);
	free(mine);
}

static void try_sketch(const struct sketch *s)
{
	struct err err = ERR_INIT;
	struct riblt_decoder d;
	struct riblt mine;
	size_t half = s->count / 2;
	int rc;

	make_set(&mine);
	riblt_decoder_init(&d, &mine, s->elements, s->total);
	rc = riblt_decode(&d, s->symbols, half, &err);
	if (rc == RIBLT_MORE) {
		demand(d.found_count <= half);
		demand(riblt_guess(&d) <= RIBLT_GUESS_MANY);
		rc = riblt_decode(&d, s->symbols + half, s->count - half, &err);
		half = s->count;
	}
	if (rc == RIBLT_DONE)
		check_done(&d, s->symbols, half);
	else if (rc < 0)
		demand(rc == err.code && err.text[0]);
	riblt_decoder_free(&d);
	riblt_free(&mine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = ERR_INIT;
	struct sketch s;

	if (sketch_decode(data, len, &s, &err) < 0) {
		demand(err.text[0]);
		return 0;
	}
	demand(s.first + s.count <= RIBLT_SYMBOLS_MAX);
	demand(s.count * SKETCH_SYMBOL_SIZE < len);
	try_sketch(&s);
	sketch_free(&s);
	return 0;
}
