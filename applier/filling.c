#include "filling.h"

#include "brief.h"
#include "err.h"
#include "inventory.h"

struct filling {
	struct replica *replica;
	struct arena *arena; /* of the batch */
};

/* brief_find_fn */
static int find(void *arg, const struct brief_place *at, struct brief_mail *ret,
	struct err *err)
{
	struct filling *f = arg;
	struct inventory_mail is;
	int rc = inventory_get(
		f->replica, at->uidvalidity, at->uid, f->arena, &is, err);

	if (rc != 0)
		return rc;
	*ret = is.mail;
	if (at->by_guid)
		ret->base = is.guid;
	return 0;
}

/* Those that lack, as runs of lsns; also all that will be born behind this
   section before it comes again: it cannot be here. */
static int note_lacking(struct replica *r, uint64_t peer,
	const struct parcel_changes *s, const struct change_batch *batch,
	const bool *lacks, struct err *err)
{
	struct whole_run later = {s->to.log, s->to.lsn + 1, CHANGE_LSN_MAX};
	int rc = s->to.lsn < CHANGE_LSN_MAX
			 ? whole_add(r, WHOLE_ASKED, peer, &later, err)
			 : 0;

	for (size_t i = 0; i < batch->count && rc >= 0; i++) {
		struct whole_run run = {.log = s->to.log};
		size_t end = i;

		if (!lacks[i])
			continue;
		while (end + 1 < batch->count && lacks[end + 1])
			end++;
		run.first = batch->items[i].by.lsn;
		run.last = batch->items[end].by.lsn;
		rc = whole_add(r, WHOLE_ASKED, peer, &run, err);
		i = end;
	}
	return rc;
}

int filling_fill(struct replica *r, uint64_t peer,
	const struct parcel_changes *s, struct change_batch *batch,
	struct err *err)
{
	struct filling f = {r, &batch->arena};
	AUTO_FREE bool *lacks = mem_array(batch->count + 1, sizeof(*lacks));
	struct brief brief = {.count = 0};
	int rc = brief_decode(s->brief, s->brief_len, &brief, err);

	if (rc >= 0)
		rc = brief_fill(&brief, batch, find, &f, lacks, err);
	brief_free(&brief);
	if (rc > 0) {
		rc = note_lacking(r, peer, s, batch, lacks, err);
		return rc < 0 ? rc : 1;
	}
	/* A name may lie here that no change can hold. */
	for (size_t i = 0; i < batch->count && rc >= 0; i++)
		rc = change_check(&batch->items[i], err);
	return rc;
}
