/*
 * flags: changes of flags, stamped above what their registers hold.
 */
#include "flagset.h"

#include "pass.h"

/* A server names a keyword within the same hold of its lock. */
#define UNNAMED_MS 5000

int pass_flags(struct pass *p, const struct id128 *folder,
	const struct replica_message *m, const struct flag_set *add,
	const struct flag_set *del, int64_t event_ms, struct err *err)
{
	uint64_t added = 0, deleted = 0;

	if (!*add->letters && !*add->keywords && !*del->letters &&
		!*del->keywords)
		return 0;
	int rc = replica_flags_stamp(
		p->replica, m->id, add->letters, add->keywords, &added, err);
	if (rc >= 0)
		rc = replica_flags_stamp(p->replica, m->id, del->letters,
			del->keywords, &deleted, err);
	if (rc < 0)
		return rc;
	struct change c = pass_change(
		p, CHANGE_FLAGS, event_ms, added > deleted ? added : deleted);
	c.dot = m->dot;
	c.add = *add;
	c.del = *del;
	return pass_put(p, folder, &c, err);
}

int pass_flags_seen(struct pass *p, const struct id128 *folder,
	const struct replica_message *m, const struct flag_set *seen,
	int64_t event_ms, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct flag_set add = {letter_minus(&arena, seen->letters, m->letters),
		keyword_minus(&arena, seen->keywords, m->keywords)};
	struct flag_set del = {letter_minus(&arena, m->letters, seen->letters),
		keyword_minus(&arena, m->keywords, seen->keywords)};

	return pass_flags(p, folder, m, &add, &del, event_ms, err);
}

int pass_unresolved(struct pass *p, const struct replica_folder *f,
	const struct store_message *m, struct err *err)
{
	struct store_stat st;
	int rc = p->store->ops->stat(p->store, f->p_path, m, &st, err);

	if (rc < 0)
		return rc;
	int64_t age_ms = p->now_ms - st.ctime_ns / 1000000;
	return age_ms >= 0 && age_ms < UNNAMED_MS;
}
