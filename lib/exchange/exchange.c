#include "exchange.h"

#include <string.h>

#include "compared.h"
#include "err.h"
#include "exchange_kind.h"
#include "gaps.h"
#include "stated.h"
#include "statetable.h"
#include "viewed.h"

int exchange_find(struct exchange *x, const struct parcel_compare *c,
	struct arena *arena, struct comparing *ret, struct err *err)
{
	return comparing_get(x->replica, x->peer, &c->folder, arena, ret, err);
}

struct comparing exchange_answer(
	const struct exchange *x, const struct parcel_compare *c)
{
	struct comparing answer = {
		.peer = x->peer,
		.folder = c->folder,
		.role = COMPARING_ANSWERS,
		.kind = (enum comparing_kind)c->kind,
		.turn = 1,
		.due = true,
	};

	memcpy(answer.seed, c->seed, sizeof(answer.seed));
	return answer;
}

bool exchange_is_of(
	const struct comparing *mine, const struct parcel_compare *c)
{
	return memcmp(mine->seed, c->seed, sizeof(mine->seed)) == 0;
}

int exchange_settle(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	int rc = stated_overtaken(x->replica, x->peer, &c->folder, err);

	x->result.settled++;
	return rc < 0 ? rc
		      : comparing_agreed(x->replica, x->peer, &c->folder, err);
}

int exchange_uids_agree(struct exchange *x, const struct id128 *folder,
	uint64_t term, uint64_t authority, uint32_t uidvalidity,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	int rc = replica_folder_by_fid(x->replica, folder, &arena, &f, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	return f.authority.term == term && f.authority.site == authority &&
	       f.uidvalidity == uidvalidity;
}

int exchange_bury(struct exchange *x, const struct log_id *log, uint64_t first,
	uint64_t last, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	uint64_t *lsns;
	size_t count;
	int rc = adopting_living(x->replica, log, first, last,
		COMPARING_KEYS_MAX, &arena, &lsns, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		struct change c = adopting_death(&(struct dot){*log, lsns[i]});

		rc = x->may(x->arg, &c, err);
		x->result.refused += rc == 0;
		if (rc <= 0)
			continue;
		rc = replica_apply(x->replica, &c, err);
		x->result.taken += rc == 0;
	}
	return rc < 0 ? rc : 0;
}

/* Two sites that began at once: the lower origin's goes on. 1: it is ours. */
static int is_ours(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct comparing mine;
	int rc = exchange_find(x, c, &arena, &mine, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	return mine.role == COMPARING_ASKS && mine.asked_ms &&
	       (exchange_is_of(&mine, c) ||
		       replica_origin(x->replica) < x->peer);
}

/* UIDs only where they mean the same here and there. */
static int columns_for(struct exchange *x, const struct parcel_compare *c,
	uint32_t *ret, struct err *err)
{
	int same = exchange_uids_agree(
		x, &c->folder, c->term, c->authority, c->uidvalidity, err);

	*ret = c->columns & STATETABLE_ALL & ~(uint32_t)STATETABLE_DEAD;
	if (!same && c->kind == PARCEL_COMPARE_EXACT && *ret & STATETABLE_UID) {
		*ret &= ~(uint32_t)(STATETABLE_UID | STATETABLE_FLAGS);
		*ret |= STATETABLE_DOTS | STATETABLE_EXACT;
	}
	return same < 0 ? same : 0;
}

/* The peer needs more to find out what differs. */
static int take_question(
	struct exchange *x, const struct parcel_compare *c, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct comparing mine;
	uint32_t columns;
	int rc = columns_for(x, c, &columns, err);
	int none = rc < 0 ? rc : exchange_find(x, c, &arena, &mine, err);

	if (none < 0)
		return none;
	if (none || mine.role == COMPARING_ANSWERS) {
		if (!columns)
			return 0;
		mine = exchange_answer(x, c);
	} else {
		if (!exchange_is_of(&mine, c))
			return 0; /* of one that is over */
		if (++mine.turn > COMPARING_TURNS)
			return comparing_fail(
				x->replica, x->peer, &c->folder, err);
	}
	mine.due = true;
	mine.tries = 0;
	mine.give_symbols = c->symbols;
	mine.give_columns = columns;
	return comparing_put(x->replica, &mine, err);
}

int exchange_take(struct exchange *x, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err)
{
	int ours = view_is_apart(x->replica, x->peer, &c->folder, err);

	/* Of what the other is not shown there is nothing to say. */
	if (ours != 0)
		return ours < 0 ? ours : 0;
	switch (type) {
	case PARCEL_COMPARE:
		return take_question(x, c, err);
	case PARCEL_SKETCH:
		ours = is_ours(x, c, err);
		return ours ? ours < 0 ? ours : 0 : exchange_sketch(x, c, err);
	case PARCEL_TABLE:
		/* Asked for, or from a peer that cannot be asked. */
		return exchange_table(x, c, err);
	case PARCEL_ROWS:
		return exchange_rows(x, c, err);
	default:
		return 0;
	}
}
