/*
 * exchange_sketch: what a peer's sketch differs in from our rows of now.
 */
#include <stdlib.h>

#include "err.h"
#include "exchange_found.h"
#include "sketch.h"
#include "statetable.h"

static int collect(struct exchange *x, const struct parcel_compare *c,
	const struct riblt_decoder *d, const struct keys_row *rows,
	size_t count, struct err *err)
{
	struct exchange_found f = {0};
	size_t at = 0;
	uint64_t key;
	bool theirs, any = false;
	int rc = 0;

	while (rc >= 0 && riblt_found(d, &at, &key, &theirs)) {
		const struct keys_row *row;

		any = true;
		if (theirs)
			exchange_ask_key(x, &f, key);
		else if ((row = keys_find(rows, count, key)))
			rc = exchange_owe(x, c, &f, row->id, err);
	}
	if (rc >= 0)
		rc = exchange_answer_found(x, c, &f, !any, err);
	exchange_found_free(&f);
	return rc;
}

/* So many symbols as will do, or all rows in a table. */
static int ask_more(struct exchange *x, const struct parcel_compare *c,
	const struct sketch *s, size_t mine, uint64_t guess, bool useless,
	struct err *err)
{
	struct comparing answer = exchange_answer(x, c);
	struct sketch_case now = {
		.mine = mine,
		.theirs = s->elements,
		.had = s->count,
		.guess = guess,
		/* of keys; in compressed UIDs and flags it is far less */
		.table = (size_t)(s->elements < SIZE_MAX / 16 ? s->elements * 8
							      : SIZE_MAX / 2),
		/* what is asked for comes with the next bundle, or call */
		.dear = true,
	};
	size_t want = useless ? 0 : sketch_want(&now);

	answer.ask_symbols = (uint32_t)want;
	if (!want)
		answer.ask_columns = c->kind == PARCEL_COMPARE_CONTENT
					     ? STATETABLE_CONTENT
					     : STATETABLE_UID |
						       STATETABLE_FLAGS |
						       STATETABLE_LIVING;
	return comparing_put(x->replica, &answer, err);
}

static int decode(struct exchange *x, const struct parcel_compare *c,
	const struct sketch *s, const struct keys_row *rows, size_t count,
	struct err *err)
{
	struct riblt mine;
	struct riblt_decoder d;
	struct err useless = ERR_INIT;
	int rc, outcome;

	riblt_init(&mine, c->seed);
	for (size_t i = 0; i < count; i++)
		riblt_add(&mine, rows[i].key);
	riblt_decoder_init(&d, &mine, s->elements, s->total);
	outcome = riblt_decode(&d, s->symbols, s->count, &useless);
	if (outcome == RIBLT_DONE)
		rc = collect(x, c, &d, rows, count, err);
	else
		rc = ask_more(x, c, s, count,
			outcome < 0 ? RIBLT_GUESS_MANY : riblt_guess(&d),
			outcome < 0, err);
	riblt_decoder_free(&d);
	riblt_free(&mine);
	return rc;
}

int exchange_sketch(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	struct keys_row *rows;
	struct sketch s;
	size_t count;
	int rc = sketch_decode(c->payload, c->len, &s, err);

	if (rc < 0)
		return rc;
	if (s.first)
		rc = err_set(err, ERR_CORRUPT, "sketch begins at symbol %zu",
			s.first);
	if (rc >= 0)
		rc = exchange_our_rows(x, (enum comparing_kind)c->kind,
			&c->folder, c->seed, &rows, &count, err);
	if (rc >= 0) {
		rc = decode(x, c, &s, rows, count, err);
		free(rows);
	}
	sketch_free(&s);
	return rc;
}
