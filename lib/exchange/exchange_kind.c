/*
 * exchange_kind: rows of a folder, by what adds to its digest, and by mail.
 */
#include "exchange_kind.h"

#include <stdlib.h>

#include "compared.h"
#include "err.h"

struct gathering {
	const uint8_t *seed;
	struct keys_row *rows;
	size_t count;
};

static int add_value(void *arg, int64_t message,
	const uint8_t value[KEYS_VALUE_SIZE], struct err *err)
{
	struct gathering *g = arg;

	(void)err;
	g->rows = mem_room(g->rows, g->count, sizeof(*g->rows));
	g->rows[g->count++] =
		(struct keys_row){keys_key(g->seed, value), message};
	return 0;
}

int exchange_our_rows(struct exchange *x, enum comparing_kind kind,
	const struct id128 *folder, const uint8_t seed[RIBLT_SEED_SIZE],
	struct keys_row **ret, size_t *ret_count, struct err *err)
{
	struct gathering g = {.seed = seed};
	int rc = kind == COMPARING_CONTENT
			 ? compared_content_each(
				   x->replica, folder, add_value, &g, err)
			 : compared_exact_each(x->replica, folder, x->now_ms,
				   add_value, &g, err);

	if (rc < 0) {
		free(g.rows);
		return rc;
	}
	keys_sort(seed, g.rows, g.count);
	*ret = g.rows;
	*ret_count = g.count;
	return 0;
}
