/*
 * sketch: symbols as bytes, and how many (docs/format.md, Sketch).
 *
 *   elements | total | first | n | n sums | n checks | n counts
 *
 * Sums and checks are noise. Counts are written as what they differ from
 * expectation by, and apart from the rest, so that what compresses the
 * parcel finds the small ones.
 */
#include "sketch.h"
#include "err.h"
#include "mem.h"
#include "wire.h"

#include <math.h>
#include <stdlib.h>

/* Keys that symbol i of a set of this size may be expected to hold. */
static uint64_t expected(uint64_t elements, size_t i)
{
	return 2 * elements / ((uint64_t)i + 2);
}

void sketch_encode(
	struct riblt *set, size_t first, size_t count, struct buf *ret)
{
	const struct riblt_symbol *s = riblt_symbols(set, first + count);

	wire_add_varint(ret, set->count);
	wire_add_u64(ret, set->total);
	wire_add_varint(ret, first);
	wire_add_varint(ret, count);
	for (size_t i = first; i < first + count; i++)
		wire_add_u64(ret, s[i].sum);
	for (size_t i = first; i < first + count; i++)
		wire_add_u16(ret, s[i].check);
	for (size_t i = first; i < first + count; i++)
		buf_add_byte(
			ret, (uint8_t)(s[i].count - expected(set->count, i)));
}

int sketch_decode(
	const void *data, size_t len, struct sketch *ret, struct err *err)
{
	struct wire in = wire_over(data, len);
	struct sketch s = {0};

	s.elements = wire_count(&in, SKETCH_ELEMENTS_MAX);
	s.total = wire_u64(&in);
	s.first = (size_t)wire_count(&in, RIBLT_SYMBOLS_MAX);
	s.count = (size_t)wire_count(&in, RIBLT_SYMBOLS_MAX - s.first);
	if (in.bad)
		return err_set(err, ERR_CORRUPT,
			"sketch: begins with a number that is not whole or "
			"over its limit");
	if (wire_left(&in) != s.count * SKETCH_SYMBOL_SIZE)
		return err_set(err, ERR_CORRUPT,
			"sketch: %zu bytes are not %zu symbols", wire_left(&in),
			s.count);
	s.symbols = mem_array(s.count, sizeof(*s.symbols));
	for (size_t i = 0; i < s.count; i++)
		s.symbols[i].sum = wire_u64(&in);
	for (size_t i = 0; i < s.count; i++)
		s.symbols[i].check = wire_u16(&in);
	for (size_t i = 0; i < s.count; i++)
		s.symbols[i].count =
			(uint8_t)(wire_u8(&in) +
				  expected(s.elements, s.first + i));
	*ret = s;
	return 0;
}

void sketch_free(struct sketch *sketch)
{
	free(sketch->symbols);
	*sketch = (struct sketch){0};
}

/* Symbols that all but surely suffice for so many differences. */
static double enough(double differences)
{
	return 1.36 * differences + 3 * sqrt(differences);
}

static double want_first(const struct sketch_case *c)
{
	uint64_t more =
		c->mine > c->theirs ? c->mine - c->theirs : c->theirs - c->mine;

	return enough((double)more) + (c->dear ? 64 : 32);
}

static double want_next(const struct sketch_case *c)
{
	double had = (double)c->had, guess = (double)c->guess;
	double least = had + (c->dear ? had : had / 4) + 8;
	double want;

	/* the counts tell no more than that there are very many */
	if (c->guess >= RIBLT_GUESS_MANY)
		return 4 * had > 4 * guess ? 4 * had : 4 * guess;
	want = enough(guess * (1 + (c->dear ? 3 : 1.2) / sqrt(had)));
	return want > least ? want : least;
}

size_t sketch_want(const struct sketch_case *c)
{
	double want = c->had ? want_next(c) : want_first(c);
	double bytes = (want - (double)c->had) * SKETCH_SYMBOL_SIZE;

	if (want > RIBLT_SYMBOLS_MAX || (c->table && bytes > (double)c->table))
		return 0;
	return (size_t)want;
}
