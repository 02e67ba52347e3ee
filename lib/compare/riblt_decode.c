/*
 * riblt_decode: what the symbols of two sets, less each other, show of what
 * the sets differ in.
 *
 * A symbol shows a key when its count is 1 (the peer's) or -1 (ours), its
 * check is that of its sum taken as a key, and that key's walk passes here.
 * Sums of several keys pass for one once in 65,536 or less. Then a key is
 * taken out that was not in, which is as if it had been put in on the other
 * side: it is found again there, like any other, and the two are nothing. So
 * a mistake costs a few symbols, and is none in the end, because
 *
 *   (1) it is all done only when every symbol is nothing, and
 *   (2) what was found makes of our count and total the peer's.
 *
 * A symbol that showed a key is nothing ever after, but for a mistake; so it
 * is asked once only. Else a mistake could be made and mended without end, and
 * a peer make us do so: thus m symbols show at most m keys, each with a walk
 * that passes some 2 ln m symbols.
 */
#include "riblt.h"
#include "err.h"
#include "mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define THEIRS 1u
#define OURS 255u /* -1 */

struct riblt_find {
	struct riblt_entry entry; /* its next symbol is not made yet */
	uint8_t side;		  /* THEIRS or OURS; 0: neither, after all */
};

void riblt_decoder_init(struct riblt_decoder *d, struct riblt *mine,
	uint64_t count, uint64_t total)
{
	*d = (struct riblt_decoder){
		.mine = mine,
		.their_count = count,
		.their_total = total,
	};
}

void riblt_decoder_free(struct riblt_decoder *d)
{
	free(d->left);
	free(d->shown);
	free(d->found);
	free(d->stack);
	*d = (struct riblt_decoder){0};
}

static bool is_nothing(const struct riblt_symbol *s)
{
	return s->sum == 0 && s->check == 0 && s->count == 0;
}

static void look_at(struct riblt_decoder *d, uint32_t symbol)
{
	if (d->stack_count == d->stack_cap) {
		d->stack_cap = d->stack_cap ? 2 * d->stack_cap : 64;
		d->stack = mem_grow(d->stack, d->stack_cap, sizeof(*d->stack));
	}
	d->stack[d->stack_count++] = symbol;
}

/* Take a key out of the symbols from where its walk stands. */
static void take_out(struct riblt_decoder *d, struct riblt_find *f)
{
	uint8_t by = (uint8_t)-f->side;

	for (; f->entry.next < d->symbol_count; riblt_step(&f->entry)) {
		struct riblt_symbol *s = &d->left[f->entry.next];

		if (f->side == 0)
			continue;
		riblt_put(s, &f->entry, by);
		if (s->count == THEIRS || s->count == OURS)
			look_at(d, f->entry.next);
	}
}

static bool passes(const struct riblt_entry *key, uint32_t symbol)
{
	struct riblt_entry e = *key;

	while (e.next < symbol)
		riblt_step(&e);
	return e.next == symbol;
}

/* Does a symbol show a key? */
static bool shows(
	const struct riblt_decoder *d, uint32_t symbol, struct riblt_find *ret)
{
	const struct riblt_symbol *s = &d->left[symbol];

	if (d->shown[symbol] || (s->count != THEIRS && s->count != OURS))
		return false;
	*ret = (struct riblt_find){
		.entry = {.key = s->sum,
			.hash = riblt_hash(d->mine->seed, s->sum)},
		.side = s->count,
	};
	return (uint16_t)ret->entry.hash == s->check &&
	       passes(&ret->entry, symbol);
}

static void peel(struct riblt_decoder *d)
{
	while (d->stack_count > 0) {
		uint32_t symbol = d->stack[--d->stack_count];
		struct riblt_find f;

		if (!shows(d, symbol, &f))
			continue;
		d->shown[symbol] = true;
		take_out(d, &f);
		if (d->found_count == d->found_cap) {
			d->found_cap = d->found_cap ? 2 * d->found_cap : 64;
			d->found = mem_grow(
				d->found, d->found_cap, sizeof(*d->found));
		}
		d->found[d->found_count++] = f;
	}
}

static int cmp_found(const void *a, const void *b)
{
	uint64_t x = ((const struct riblt_find *)a)->entry.key;
	uint64_t y = ((const struct riblt_find *)b)->entry.key;

	return (x > y) - (x < y);
}

/* Sort what was found; what was found on both sides was not there. */
static int settle(struct riblt_decoder *d, struct err *err)
{
	size_t kept = 0;

	if (d->found_count)
		qsort(d->found, d->found_count, sizeof(*d->found), cmp_found);
	for (size_t i = 0; i < d->found_count;) {
		struct riblt_find f = d->found[i];

		for (i++; i < d->found_count &&
			  d->found[i].entry.key == f.entry.key;
			i++)
			f.side = (uint8_t)(f.side + d->found[i].side);
		if (f.side != 0 && f.side != THEIRS && f.side != OURS)
			return err_set(err, ERR_CORRUPT,
				"sketch: of a set that holds a key twice");
		if (f.side != 0)
			d->found[kept++] = f;
	}
	d->found_count = kept;
	return 0;
}

/* Is our set, with what was found, the peer's by count and total? */
static bool adds_up(const struct riblt_decoder *d)
{
	uint64_t count = d->mine->count, total = d->mine->total;

	for (size_t i = 0; i < d->found_count; i++) {
		bool theirs = d->found[i].side == THEIRS;
		uint64_t hash = d->found[i].entry.hash;

		count = theirs ? count + 1 : count - 1;
		total = theirs ? total + hash : total - hash;
	}
	return count == d->their_count && total == d->their_total;
}

static void add_symbols(struct riblt_decoder *d,
	const struct riblt_symbol *symbols, size_t count)
{
	size_t before = d->symbol_count, after = before + count;
	const struct riblt_symbol *mine = riblt_symbols(d->mine, after);

	d->left = mem_grow(d->left, after, sizeof(*d->left));
	d->shown = mem_grow(d->shown, after, sizeof(*d->shown));
	d->symbol_count = after;
	for (size_t i = before; i < after; i++) {
		const struct riblt_symbol *theirs = &symbols[i - before];

		d->left[i] = (struct riblt_symbol){
			.sum = theirs->sum ^ mine[i].sum,
			.check = theirs->check ^ mine[i].check,
			.count = (uint8_t)(theirs->count - mine[i].count),
		};
		d->shown[i] = false;
		look_at(d, (uint32_t)i);
	}
	for (size_t i = 0; i < d->found_count; i++)
		take_out(d, &d->found[i]);
}

int riblt_decode(struct riblt_decoder *d, const struct riblt_symbol *symbols,
	size_t count, struct err *err)
{
	int rc;

	if (count > RIBLT_SYMBOLS_MAX - d->symbol_count)
		return err_set(err, ERR_LIMIT, "sketch: more than %u symbols",
			RIBLT_SYMBOLS_MAX);
	if (count)
		add_symbols(d, symbols, count);
	peel(d);
	rc = settle(d, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < d->symbol_count; i++) {
		if (!is_nothing(&d->left[i]))
			return RIBLT_MORE;
	}
	return adds_up(d) ? RIBLT_DONE : RIBLT_MORE;
}

bool riblt_found(const struct riblt_decoder *d, size_t *at, uint64_t *ret_key,
	bool *ret_theirs)
{
	if (*at >= d->found_count)
		return false;
	*ret_key = d->found[*at].entry.key;
	*ret_theirs = d->found[*at].side == THEIRS;
	++*at;
	return true;
}

/*
 * Of n differences, s more of them theirs than ours, symbol i counts about
 * s p, with a variance of n p (1 - p), where p is its share of the keys. So
 * the squares of what the counts are off by, summed up, tell n.
 */
uint64_t riblt_guess(const struct riblt_decoder *d)
{
	double squares = 0, expected = 0;
	uint64_t least, guess;
	int64_t more = (int64_t)(d->their_count - d->mine->count);

	for (size_t i = 0; i < d->found_count; i++)
		more -= d->found[i].side == THEIRS ? 1 : -1;
	least = more < 0 ? -(uint64_t)more : (uint64_t)more;
	if (least >= RIBLT_GUESS_MANY)
		return RIBLT_GUESS_MANY;
	for (size_t i = 1; i < d->symbol_count; i++) {
		double share = 2.0 / ((double)i + 2);
		int8_t off = (int8_t)(uint8_t)(d->left[i].count -
					       lround((double)more * share));

		squares += (double)off * off;
		expected += share * (1 - share);
	}
	guess = expected > 0 ? (uint64_t)(squares / expected + 0.5) : 0;
	guess = (guess > least ? guess : least) + d->found_count;
	return guess < RIBLT_GUESS_MANY ? guess : RIBLT_GUESS_MANY;
}
