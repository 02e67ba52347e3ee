/*
 * exchange_reached: what was lost on its way from a peer that cannot be asked,
 * and does not matter any more.
 *
 * A table says at which vector it was made. Where our folder then holds just
 * what the table's digest says, all that the peer logged up to there is in it,
 * however it came: a log with a hole is known up to the table's position, and
 * the hole is closed. Of a log without one nothing is said: what is to come of
 * it comes by itself, and brings what a digest does not cover.
 */
#include <string.h>

#include "compared.h"
#include "exchange_kind.h"
#include "gaps.h"
#include "statetable.h"

/* Does the folder hold what the table's site holds? 1 or 0. */
static int is_equal(struct exchange *x, const struct parcel_compare *c,
	const struct statetable_header *h, struct err *err)
{
	uint8_t digest[16];
	uint64_t messages;
	uint32_t uidnext;
	int rc = replica_folder_sums(
		x->replica, &c->folder, &messages, &uidnext, digest, err);

	if (rc < 0 || messages != h->rows ||
		memcmp(digest, h->digest, sizeof(digest)) != 0)
		return rc < 0 ? rc : 0;
	return exchange_uids_agree(
		x, &c->folder, h->term, h->authority, h->uidvalidity, err);
}

/* Its chain value there may be another when more is stated behind it. */
static int reach(struct exchange *x, const struct position *at, struct err *err)
{
	struct replica_log log;
	int rc = replica_log_get(x->replica, &at->log, false, &log, err);

	if (rc != 0 || at->log.origin != x->peer || log.known.lsn >= at->lsn)
		return rc < 0 ? rc : 0;
	rc = gap_holds(x->replica, log.id, log.known.lsn + 1, err);
	if (rc <= 0)
		return rc;
	log.known = (struct position){at->log, at->lsn, 0};
	rc = replica_log_set(x->replica, &log, err);
	return rc < 0 ? rc : gap_filled(x->replica, log.id, at->lsn, err);
}

int exchange_reached(struct exchange *x, const struct parcel_compare *c,
	const struct statetable_header *h, struct err *err)
{
	int rc = x->takes && !c->doubt ? is_equal(x, c, h, err) : 0;

	if (rc <= 0)
		return rc;
	for (size_t i = 0; i < h->known.log_count && rc >= 0; i++)
		rc = reach(x, &h->known.logs[i].at, err);
	return rc < 0 ? rc : 0;
}
