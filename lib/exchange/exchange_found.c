#include "exchange_found.h"

#include <stdlib.h>

void exchange_found_free(struct exchange_found *f)
{
	free(f->keys);
	free(f->uids);
}

void exchange_ask_key(
	struct exchange *x, struct exchange_found *f, uint64_t key)
{
	if (!x->takes || f->key_count == COMPARING_KEYS_MAX)
		return;
	f->keys = mem_room(f->keys, f->key_count, sizeof(*f->keys));
	f->keys[f->key_count++] = key;
}

void exchange_ask_uid(
	struct exchange *x, struct exchange_found *f, uint32_t uid)
{
	struct uid_run *last;

	if (!x->takes || f->uid_count == COMPARING_KEYS_MAX)
		return;
	f->uids = mem_room(f->uids, f->uid_count, sizeof(*f->uids));
	last = f->uid_count ? &f->uids[f->uid_count - 1] : NULL;
	if (last && last->last + 1 == uid)
		last->last = uid;
	else
		f->uids[f->uid_count++] = (struct uid_run){uid, uid};
}

int exchange_owe(struct exchange *x, const struct parcel_compare *c,
	struct exchange_found *f, int64_t id, struct err *err)
{
	f->ours++;
	return owed_message(x->replica, x->peer, &c->folder, id, err);
}

static int cmp_uids(const void *a, const void *b)
{
	const struct uid_run *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Runs ascend, with a gap between two. */
static void sort_uids(struct exchange_found *f)
{
	size_t kept = 0;

	if (f->uid_count)
		qsort(f->uids, f->uid_count, sizeof(*f->uids), cmp_uids);
	for (size_t i = 0; i < f->uid_count; i++) {
		struct uid_run *last = kept ? &f->uids[kept - 1] : NULL;

		if (last && f->uids[i].first <= last->last + 1) {
			if (f->uids[i].last > last->last)
				last->last = f->uids[i].last;
		} else {
			f->uids[kept++] = f->uids[i];
		}
	}
	f->uid_count = kept;
}

int exchange_answer_found(struct exchange *x, const struct parcel_compare *c,
	struct exchange_found *f, bool equal, struct err *err)
{
	struct comparing answer = exchange_answer(x, c);
	int rc = equal ? exchange_settle(x, c, err) : 0;

	sort_uids(f);
	answer.keys = f->keys;
	answer.key_count = f->key_count;
	answer.uids = f->uids;
	answer.uid_count = f->uid_count;
	answer.equal = equal;
	return rc < 0 ? rc : comparing_put(x->replica, &answer, err);
}
