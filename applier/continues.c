#include "continues.h"

#include "err.h"
#include "spoken.h"

/* Was all that was handed over before named, as far back as where we stand? */
static bool names_all(const struct parcel_changes *s, uint64_t known)
{
	return s->end_count < PARCEL_ENDS_MAX || s->ends[0].lsn < known;
}

/*
 * We stand between the two ends. What we know is the history that these changes
 * go on from only if the peer says so. What was handed over is noted before
 * anybody can see it: a state that does not know of it is another, a new one
 * or a copy.
 */
static int check_between(struct replica *rep, const struct parcel_changes *s,
	const struct position *known, struct err *err)
{
	bool named = false, same = false;
	int current = 0;

	for (size_t i = 0; i < s->end_count && !named; i++) {
		named = s->ends[i].lsn == known->lsn;
		same = named && s->ends[i].chain == (uint32_t)known->chain;
	}
	if (same)
		return 0;
	/* Ours, come back: whoever returns them noted nothing. */
	if (!named && names_all(s, known->lsn) &&
		known->log.origin != replica_origin(rep))
		current = spoken_is_current(
			rep, s->from.log.origin, known->log.incarnation, err);
	if (current < 0)
		return current;
	if (named || current)
		return err_set(err, ERR_CONFLICT,
			"account %s: log %016llx-%016llx differs at lsn %llu "
			"from what was received before: its site was rolled "
			"back or cloned",
			s->account, (unsigned long long)known->log.origin,
			(unsigned long long)known->log.incarnation,
			(unsigned long long)known->lsn);
	return err_set(err, ERR_TORN,
		"account %s: goes on from lsn %llu to %llu, and does not say "
		"that it was handed over up to %llu, which is known: it waits "
		"until its site has heard of that",
		s->account, (unsigned long long)s->from.lsn,
		(unsigned long long)s->to.lsn, (unsigned long long)known->lsn);
}

/* Does what we know of a log go on where these changes begin? Errors: ERR_TORN;
   ERR_CONFLICT: it is another history. */
static int check_history(struct replica *rep, const struct parcel_changes *s,
	const struct replica_log *log, bool relayed, struct err *err)
{
	int rc = replica_log_agrees(rep, log, s->from.lsn, s->from.chain, err);

	if (rc >= 0)
		rc = replica_log_agrees(rep, log, s->to.lsn, s->to.chain, err);
	if (rc < 0 || s->to.lsn <= log->known.lsn)
		return rc < 0 ? rc : 0;
	if (s->from.lsn > log->known.lsn)
		return err_set(err, ERR_TORN,
			"account %s: begins at lsn %llu, known is %llu: "
			"something before it is still under way",
			s->account, (unsigned long long)s->from.lsn,
			(unsigned long long)log->known.lsn);
	return s->from.lsn < log->known.lsn && log->known.chain && !relayed
		       ? check_between(rep, s, &log->known, err)
		       : 0;
}

/*
 * What was written after the next incarnation began, nobody wrote who went on
 * with that one. Returns 1 if that incarnation is over, 0 if it is not.
 */
static int check_over(struct replica *rep, const struct parcel_changes *s,
	const struct change_batch *batch, uint64_t known, struct err *err)
{
	int64_t since_ms;
	int rc = spoken_over_since(rep, &s->from.log, &since_ms, err);

	if (rc < 0 || !since_ms)
		return rc;
	for (size_t i = 0; i < batch->count; i++) {
		const struct write_id *by = &batch->items[i].by;

		if (log_id_cmp(&by->log, &s->from.log) == 0 &&
			by->lsn > known &&
			(int64_t)STAMP_MS(by->stamp) > since_ms)
			return err_set(err, ERR_CONFLICT,
				"account %s: its site goes on with an "
				"incarnation that is over: is there a second "
				"machine with its key?",
				s->account);
	}
	return 1;
}

int continues_check(struct replica *rep, const struct parcel_changes *s,
	const struct replica_log *log, const struct change_batch *batch,
	bool relayed, struct err *err)
{
	int history = check_history(rep, s, log, relayed, err);
	struct err why = *err;
	int over;

	if (history < 0 && history != ERR_CONFLICT)
		return history;
	over = check_over(rep, s, batch, log->known.lsn, err);
	if (over < 0)
		return over;
	/* Of a history that is over: what was put back before wrote it. */
	if (history < 0 && over)
		return CONTINUES_NOT;
	*err = why;
	return history < 0 ? history : s->to.lsn <= log->known.lsn;
}
