#include "relaying.h"

#include <string.h>

#include "err.h"
#include "relayed.h"
#include "spoken.h"
#include "viewed.h"

int relaying_find(struct packing *p, struct err *err)
{
	const struct handover_config *c = p->config;
	size_t bytes = (p->log_count + 1) * sizeof(*p->passed);

	p->passed = arena_alloc(&p->arena, bytes);
	memset(p->passed, 0, bytes);
	if (!c->relay || !c->send_changes || c->oneway || p->partial)
		return 0;
	int rc = relayed_takes(p->account.replica, c->peer->origin, err);

	return rc <= 0 ? rc
		       : relayed_find(p->account.replica, c->peer->origin,
				 p->logs, p->log_count, p->passed, err);
}

/* Is nothing taken of a site, whoever passes it on? 1 or 0. */
static int is_untaken(struct packing *p, uint64_t origin, struct err *err)
{
	const struct handover_config *c = p->config;
	struct err split = ERR_INIT;

	if (c->untaken && c->untaken(c->untaken_arg, origin, p->account.name))
		return 1;
	int rc = spoken_check(p->account.replica, origin, &split);
	if (rc == ERR_CONFLICT)
		return 1;
	if (rc < 0)
		*err = split;
	return rc < 0 ? rc : relayed_is_part(p->account.replica, origin, err);
}

int relaying_tells(struct packing *p, const struct position *known,
	struct position *ret, struct err *err)
{
	if (!p->config->takes_relay ||
		known->log.origin == p->config->self->pub.origin ||
		known->log.origin == p->config->peer->origin ||
		view_is_log(&known->log.folder))
		return 0;
	int untaken = is_untaken(p, known->log.origin, err);

	*ret = relaying_position(known);
	if (untaken > 0)
		ret->lsn = RELAYING_UNTAKEN;
	return untaken < 0 ? untaken : ret->lsn != 0;
}

struct position relaying_position(const struct position *known)
{
	return (struct position){known->log, known->lsn, 0};
}

int relaying_lacks_body(
	struct packing *p, const struct hash *hash, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	int rc = replica_message_by_hash(
		p->account.replica, hash, NULL, &arena, &m, err);

	return rc < 0 ? rc : rc > 0;
}

int relaying_brought(
	struct packing *p, const struct hash *hash, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct dot *dots;
	size_t count;
	int rc = relaying_lacks_body(p, hash, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = replica_dots_with_hash(
		p->account.replica, hash, &arena, &dots, &count, err);
	for (size_t i = 0; i < count && rc == 0; i++)
		for (size_t k = 0; k < p->log_count && rc == 0; k++)
			rc = p->passed[k] &&
			     !log_id_cmp(&p->logs[k].known.log, &dots[i].log);
	return rc;
}
