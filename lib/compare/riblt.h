/*
 * riblt: what two sets of 64-bit keys differ in, out of about one and a half
 * symbols for each difference, however large the sets are.
 *
 * Rateless invertible Bloom lookup tables (Yang, Gilad, Alizadeh: Practical
 * Rateless Set Reconciliation, SIGCOMM 2024); the numbers are those of
 * docs/format.md, Sketch. A set has symbols 0, 1, 2 … without end; each key
 * is added to symbol 0 and to ever fewer of the later ones. The symbols of one
 * set less those of another are the symbols of what they differ in. A symbol
 * that only one key is left in shows that key, and it can be taken out of all
 * other symbols: so one after the other is found, once there are symbols
 * enough. Where they are not enough, more are asked for; none was in vain.
 *
 * Everything is keyed with a seed of 16 bytes that is drawn anew for every
 * comparison: who chooses keys (writes mail) without knowing it cannot choose
 * where they go. A peer knows it and may send any symbols: it can keep itself
 * from being understood, and never make us work more than docs/format.md says.
 */
#ifndef PB_RIBLT_H
#define PB_RIBLT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define RIBLT_SEED_SIZE 16
#define RIBLT_SYMBOLS_MAX 65536u /* a table costs less than so many */

struct riblt_symbol {
	uint64_t sum;   /* of the keys, by xor */
	uint16_t check; /* of the low 16 bits of their hashes, by xor */
	uint8_t count;  /* of them, mod 256 */
};

/* A key on its way through the symbols. */
struct riblt_entry {
	uint64_t key, hash;
	uint32_t next; /* symbol; RIBLT_SYMBOLS_MAX: none that is ever made */
	uint32_t steps;
};

/* A set of keys, and the symbols made of it so far. */
struct riblt {
	uint8_t seed[RIBLT_SEED_SIZE];
	struct riblt_entry *entries;
	size_t count, cap;
	uint64_t total; /* of their hashes, mod 2^64 */
	struct riblt_symbol *symbols;
	size_t symbol_count;
};

/* Begin an empty set; riblt_free releases it. */
void riblt_init(struct riblt *set, const uint8_t seed[RIBLT_SEED_SIZE]);
void riblt_free(struct riblt *set);

/* Add a key that is not in the set yet. Not after riblt_symbols. */
void riblt_add(struct riblt *set, uint64_t key);

/*
 * The first count symbols, at most RIBLT_SYMBOLS_MAX; those made before are
 * not made again. Valid until the next call. Costs time in proportion to the
 * keys, and to the logarithm of count.
 */
const struct riblt_symbol *riblt_symbols(struct riblt *set, size_t count);

/* ---- finding the differences (riblt_decode.c) ---- */

enum riblt_outcome {
	RIBLT_MORE = 0, /* more symbols are needed */
	RIBLT_DONE = 1  /* all differences are known */
};

struct riblt_decoder {
	struct riblt *mine;
	uint64_t their_count, their_total;
	struct riblt_symbol *left; /* theirs less mine less what was found */
	bool *shown; /* by symbol: it showed a key */
	size_t symbol_count;
	struct riblt_find *found;
	size_t found_count, found_cap;
	uint32_t *stack; /* symbols that may show a key */
	size_t stack_count, stack_cap;
};

/*
 * mine: our set, whole; it outlives the decoder. count and total are what the
 * peer says of its own (struct riblt: count, total).
 */
void riblt_decoder_init(struct riblt_decoder *d, struct riblt *mine,
	uint64_t count, uint64_t total);
void riblt_decoder_free(struct riblt_decoder *d);

/*
 * Take the peer's next count symbols, after those taken before.
 * Returns RIBLT_DONE when every symbol is reduced to nothing and what was
 * found makes of our set one of the peer's count and total; else RIBLT_MORE.
 * Errors: ERR_LIMIT (more than RIBLT_SYMBOLS_MAX), ERR_CORRUPT (of a set that
 * holds a key twice): begin anew with another seed, or with a table. After an error the decoder can only be freed.
 */
int riblt_decode(struct riblt_decoder *d, const struct riblt_symbol *symbols,
	size_t count, struct err *err);

/*
 * The differences found, from *at, 0 at first; in the order of their keys.
 * Only after RIBLT_DONE are they all there are, and surely right.
 * Returns false at the end.
 */
bool riblt_found(const struct riblt_decoder *d, size_t *at, uint64_t *ret_key,
	bool *ret_theirs);

/*
 * About how many differences there are in all, judged by what is left in the
 * symbols: mostly within a third of the truth with 32 symbols, a fifth with
 * 64. RIBLT_GUESS_MANY where there are as many or more.
 */
uint64_t riblt_guess(const struct riblt_decoder *d);
#define RIBLT_GUESS_MANY 8192u

/* ---- for both halves ---- */

/* Hash of a key; its low 16 bits are its check, and it begins its walk. */
uint64_t riblt_hash(const uint8_t seed[RIBLT_SEED_SIZE], uint64_t key);
/* Go on to the next symbol; an entry of zeros, key and hash is at symbol 0. */
void riblt_step(struct riblt_entry *e);
/* Add a key to a symbol (by: 1), or take it out (by: 255). */
void riblt_put(struct riblt_symbol *s, const struct riblt_entry *e, uint8_t by);

#endif
