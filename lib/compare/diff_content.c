/*
 * diff_content: mails by what they are, where nothing else is known of them.
 */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

static int cmp_rows(const void *a, const void *b)
{
	uint64_t x = (*(const struct content_row *const *)a)->key;
	uint64_t y = (*(const struct content_row *const *)b)->key;

	return (x > y) - (x < y);
}

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int cmp_uids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static const struct content_row **sorted(
	const struct content_row *rows, size_t count)
{
	const struct content_row **ret =
		mem_array(count, sizeof(struct content_row *));

	for (size_t i = 0; i < count; i++)
		ret[i] = &rows[i];
	qsort(ret, count, sizeof(struct content_row *), cmp_rows);
	return ret;
}

static uint32_t *sorted_uids(const struct content_peer *peer)
{
	uint32_t *uids = mem_array(peer->count, sizeof(*uids));

	for (size_t i = 0; i < peer->count; i++)
		uids[i] = peer->rows[i].uid;
	qsort(uids, peer->count, sizeof(*uids), cmp_uids);
	return uids;
}

/* Of a mail that the peer does not have: did it have it? */
static bool was_expunged(const struct content_row *row,
	const struct content_peer *peer, const uint32_t *uids)
{
	if (peer->dead_count && bsearch(&row->key, peer->dead, peer->dead_count,
					sizeof(*peer->dead), cmp_u64))
		return true;
	if (row->uid == 0 || row->uid >= peer->uidnext)
		return false;
	return !peer->count ||
	       !bsearch(&row->uid, uids, peer->count, sizeof(*uids), cmp_uids);
}

size_t diff_contents(const struct content_row *mine, size_t count,
	const struct content_peer *theirs, struct content_match *ret)
{
	AUTO_FREE const struct content_row **a = sorted(mine, count);
	AUTO_FREE const struct content_row **b =
		sorted(theirs->rows, theirs->count);
	AUTO_FREE uint32_t *uids = sorted_uids(theirs);
	size_t i = 0, k = 0, n = 0;

	while (i < count || k < theirs->count) {
		const struct content_row *x = i < count ? a[i] : NULL;
		const struct content_row *y = k < theirs->count ? b[k] : NULL;

		if (x && y && x->key == y->key) {
			ret[n++] = (struct content_match){CONTENT_SAME, x, y};
			i++;
			k++;
		} else if (x && (!y || x->key < y->key)) {
			ret[n++] = (struct content_match){
				was_expunged(x, theirs, uids) ? CONTENT_DEAD
							      : CONTENT_NEW,
				x, NULL};
			i++;
		} else {
			ret[n++] = (struct content_match){
				CONTENT_MISSING, NULL, y};
			k++;
		}
	}
	return n;
}
