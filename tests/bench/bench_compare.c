/*
 * bench_compare: what it costs to find out what two folders differ in.
 *
 *	bench_compare [MESSAGES...]         (10000 100000)
 *
 * Prints, as tables for people, bytes of sketches with the turnarounds they
 * take, of state tables, and of a plain list of 64-bit keys; and the time that
 * keys and symbols take. A message that has changed is two differences: a row
 * that is here only, and one that is there only.
 */
#include "err.h"
#include "keys.h"
#include "rowmaker.h"
#include "sketch.h"
#include "statetable.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS 9

static const uint8_t seed[RIBLT_SEED_SIZE] = "sixteen bytes..";

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- bytes ---- */

static size_t table_bytes(const struct made_folder *f, unsigned columns)
{
	struct statetable_header h = {.columns = columns,
		.folder = ID_INBOX,
		.uidnext = f->uidnext,
		.rows = f->count,
		.known = f->known};
	struct statetable_writer *w;
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	int rc = 0;

	if (!(columns & STATETABLE_LIVING))
		h.known.living_count = 0;
	w = statetable_begin(&h);
	for (size_t i = 0; i < f->count && rc == 0; i++)
		rc = statetable_add(w, &f->rows[i], &err);
	if (rc == 0)
		rc = statetable_end(w, &b, &err);
	statetable_drop(w);
	if (rc < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return b.len;
}

struct cost {
	size_t bytes, turnarounds, tables;
};

static int compare_bytes(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* Keys of the folder's rows; the first `differ` of them are of one side. */
static void make_sets(struct maker *m, const struct made_folder *f,
	size_t differ, struct riblt *mine, struct riblt *theirs)
{
	uint8_t one[RIBLT_SEED_SIZE];

	for (size_t i = 0; i < sizeof(one); i++)
		one[i] = (uint8_t)maker_u64(m);
	riblt_init(mine, one);
	riblt_init(theirs, one);
	for (size_t i = 0; i < f->count; i++) {
		uint64_t key = f->rows[i].exact;

		if (i >= differ || i % 2 == 0)
			riblt_add(mine, key);
		if (i >= differ || i % 2 == 1)
			riblt_add(theirs, key);
	}
}

/* As sketch_want says, until all is known or a table is cheaper. */
static struct cost exchange(
	struct riblt *mine, struct riblt *theirs, size_t table)
{
	struct sketch_case c = {
		.mine = mine->count, .theirs = theirs->count, .table = table};
	struct cost cost = {0};
	struct riblt_decoder d;
	struct err err = ERR_INIT;
	int rc = RIBLT_MORE;

	riblt_decoder_init(&d, mine, theirs->count, theirs->total);
	while (rc == RIBLT_MORE) {
		size_t want = sketch_want(&c);
		AUTO_BUF struct buf b = BUF_INIT;

		cost.turnarounds++;
		if (want == 0) {
			cost.bytes += table;
			cost.tables++;
			break;
		}
		sketch_encode(theirs, c.had, want - c.had, &b);
		rc = riblt_decode(&d, riblt_symbols(theirs, want) + c.had,
			want - c.had, &err);
		cost.bytes += b.len;
		c.had = want;
		c.guess = riblt_guess(&d);
	}
	riblt_decoder_free(&d);
	return cost;
}

static struct cost median(
	struct maker *m, const struct made_folder *f, size_t d, size_t table)
{
	struct cost costs[RUNS];

	for (size_t i = 0; i < RUNS; i++) {
		struct riblt mine, theirs;

		make_sets(m, f, d, &mine, &theirs);
		costs[i] = exchange(&mine, &theirs, table);
		riblt_free(&mine);
		riblt_free(&theirs);
	}
	qsort(costs, RUNS, sizeof(costs[0]), compare_bytes);
	return costs[RUNS / 2];
}

static void bytes(struct maker *m, const struct made_folder *f)
{
	static const size_t differences[] = {0, 1, 5, 50, 500, 5000};
	const unsigned seen = STATETABLE_UID | STATETABLE_FLAGS;
	size_t table = table_bytes(f, seen);

	printf("%zu messages: bytes until the differences are known\n\n"
	       "| differences | sketch or table | turnarounds | table of UIDs "
	       "and flags | and living dots | and writes | plain list of "
	       "keys |\n|---|---|---|---|---|---|---|\n",
		f->count);
	for (size_t i = 0; i < sizeof(differences) / sizeof(size_t); i++) {
		size_t d = differences[i];
		struct cost cost;

		if (d > f->count)
			break;
		cost = median(m, f, d, table);
		printf("| %zu | %zu%s | %zu | %zu | %zu | %zu | %zu |\n", d,
			cost.bytes, cost.tables ? " (table)" : "",
			cost.turnarounds, table,
			table_bytes(f, seen | STATETABLE_LIVING),
			table_bytes(f,
				seen | STATETABLE_LIVING | STATETABLE_WRITES),
			8 * f->count);
	}
	printf("\n");
}

/* ---- time ---- */

static void times(struct made_folder *f)
{
	AUTO_BUF struct buf scratch = BUF_INIT;
	uint8_t(*values)[KEYS_VALUE_SIZE] =
		mem_array(f->count, sizeof(*values));
	double start = now_ms(), valued, keyed, added, few, many;
	struct riblt set;

	for (size_t i = 0; i < f->count; i++)
		keys_exact(&f->rows[i], &scratch, values[i]);
	valued = now_ms();
	for (size_t i = 0; i < f->count; i++)
		f->rows[i].exact = keys_key(seed, values[i]);
	keyed = now_ms();
	riblt_init(&set, seed);
	for (size_t i = 0; i < f->count; i++)
		riblt_add(&set, f->rows[i].exact);
	added = now_ms();
	riblt_symbols(&set, 64);
	few = now_ms();
	riblt_symbols(&set, 1024);
	many = now_ms();
	printf("| %zu messages, ms of processor | |\n|---|---|\n"
	       "| values of rows | %.1f |\n| keys of values | %.1f |\n"
	       "| set of keys | %.1f |\n| its first 64 symbols | %.1f |\n"
	       "| on to 1024 | %.1f |\n\n",
		f->count, valued - start, keyed - valued, added - keyed,
		few - added, many - few);
	riblt_free(&set);
	free(values);
}

int main(int argc, char **argv)
{
	static const char *const usual[] = {"", "10000", "100000"};
	int count = argc > 1 ? argc : 3;

	for (int i = 1; i < count; i++) {
		long messages = atol(argc > 1 ? argv[i] : usual[i]);
		struct maker m = {.state = 42, .ms = 1795303760678};
		struct made_folder f;

		if (messages < 1 || messages > (long)STATETABLE_ROWS_MAX) {
			fprintf(stderr, "usage: %s [MESSAGES...]\n", argv[0]);
			return 2;
		}
		made_folder_real(&m, &f, (size_t)messages);
		times(&f);
		bytes(&m, &f);
		made_folder_free(&f);
	}
	return 0;
}
