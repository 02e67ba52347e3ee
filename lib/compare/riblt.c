/*
 * riblt: the symbols of a set (docs/format.md, Sketch).
 *
 * A key goes through the symbols from 0 up in random steps: symbol i holds it
 * with a chance of 2 / (i + 2). So the chance that it is in none of those
 * after i up to j is (i + 1)(i + 2) / ((j + 1)(j + 2)), and with a random r
 * the next that it is in is the least j with
 *
 *	(j + 1)(j + 2) r > (i + 1)(i + 2) 2^31
 *
 * in whole numbers, so that every machine finds the same.
 */
#include "riblt.h"
#include "mem.h"
#include "wire.h"

#include <assert.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define STRIDE UINT64_C(0x9e3779b97f4a7c15)

uint64_t riblt_hash(const uint8_t seed[RIBLT_SEED_SIZE], uint64_t key)
{
	uint8_t in[8], out[8];
	struct wire w;

	_Static_assert(RIBLT_SEED_SIZE == crypto_shorthash_KEYBYTES &&
			       sizeof(out) == crypto_shorthash_BYTES,
		"SipHash-2-4 has other sizes");
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(key >> (8 * i));
	crypto_shorthash(out, in, sizeof(in), seed);
	w = wire_over(out, sizeof(out));
	return wire_u64(&w);
}

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Least k with k (k + 1) > q, for q below 2^63. */
static uint64_t above_product(uint64_t q)
{
	uint64_t k = (uint64_t)sqrt((double)q);

	while (k > 0 && (k - 1) * k > q)
		k--;
	while (k * (k + 1) <= q)
		k++;
	return k;
}

void riblt_step(struct riblt_entry *e)
{
	uint64_t i = e->next, r;

	e->steps++;
	r = mix(e->hash + e->steps * STRIDE) >> 33;
	e->next = RIBLT_SYMBOLS_MAX;
	if (r > 0) {
		uint64_t j = above_product(((i + 1) * (i + 2) << 31) / r) - 1;

		if (j < RIBLT_SYMBOLS_MAX)
			e->next = (uint32_t)j;
	}
}

void riblt_put(struct riblt_symbol *s, const struct riblt_entry *e, uint8_t by)
{
	s->sum ^= e->key;
	s->check ^= (uint16_t)e->hash;
	s->count = (uint8_t)(s->count + by);
}

void riblt_init(struct riblt *set, const uint8_t seed[RIBLT_SEED_SIZE])
{
	*set = (struct riblt){0};
	memcpy(set->seed, seed, RIBLT_SEED_SIZE);
}

void riblt_free(struct riblt *set)
{
	free(set->entries);
	free(set->symbols);
	*set = (struct riblt){0};
}

void riblt_add(struct riblt *set, uint64_t key)
{
	uint64_t hash = riblt_hash(set->seed, key);

	assert(set->symbol_count == 0);
	if (set->count == set->cap) {
		set->cap = set->cap ? set->cap + set->cap / 2 : 64;
		set->entries =
			mem_grow(set->entries, set->cap, sizeof(*set->entries));
	}
	set->entries[set->count++] =
		(struct riblt_entry){.key = key, .hash = hash};
	set->total += hash;
}

const struct riblt_symbol *riblt_symbols(struct riblt *set, size_t count)
{
	assert(count <= RIBLT_SYMBOLS_MAX);
	if (count <= set->symbol_count)
		return set->symbols;
	set->symbols = mem_grow(set->symbols, count, sizeof(*set->symbols));
	memset(set->symbols + set->symbol_count, 0,
		(count - set->symbol_count) * sizeof(*set->symbols));
	for (size_t i = 0; i < set->count; i++) {
		struct riblt_entry *e = &set->entries[i];

		for (; e->next < count; riblt_step(e))
			riblt_put(&set->symbols[e->next], e, 1);
	}
	set->symbol_count = count;
	return set->symbols;
}
