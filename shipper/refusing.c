#include "refusing.h"

#include <string.h>

#include "account.h"
#include "err.h"
#include "strange.h"

#define AGAIN_MS INT64_C(3600000)

/* Our name of an account that the peer speaks of; NULL: none that it has part
   in is here. */
static const char *is_here(const struct handover_config *c, const char *there)
{
	char here[ACCOUNTMAP_NAME_MAX + 1];

	if (!account_map_here(&c->map, there, here))
		return NULL;
	for (size_t i = 0; i < c->account_count; i++)
		if (strcmp(c->accounts[i], here) == 0)
			return c->accounts[i];
	return NULL;
}

/* Did something of it come from the peer? 1 or 0. */
static int has_come(
	const struct handover_config *c, const char *account, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count = 0;
	struct account a;
	int rc = account_open(&a, c->os, c->state_dir, account,
		c->self->pub.origin, false, err);

	if (rc < 0)
		return rc == ERR_ABSENT ? 0 : rc;
	rc = replica_logs(a.replica, &arena, &logs, &count, err);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = logs[i].known.log.origin == c->peer->origin;
	account_close(&a);
	return rc;
}

/* Was it told, and can nothing have come of that yet? */
static bool is_told(const struct strange *s, bool here, int64_t now_ms)
{
	if (!s->told_ms || s->welcome != here)
		return false;
	return !here ||
	       (now_ms >= s->told_ms && now_ms - s->told_ms < AGAIN_MS);
}

static int add_one(
	struct lading *l, struct strange *s, bool record, struct err *err)
{
	const struct handover_config *c = l->config;
	int64_t now_ms = c->os->ops->wall_ns(c->os) / 1000000;
	const char *account = is_here(c, s->account);
	bool here = account != NULL;
	int rc = here ? has_come(c, account, err) : 0;

	if (rc > 0)
		strange_forget(
			c->os, c->state_dir, c->peer->origin, s->account);
	if (rc != 0 || is_told(s, here, now_ms))
		return rc < 0 ? rc : 0;
	struct parcel_ack ack = {.account = s->account,
		.count = here ? PARCEL_ACK_WELCOME : PARCEL_ACK_REFUSED};
	rc = lading_ack(l, &ack, err);
	s->welcome = here;
	s->told_ms = now_ms;
	return rc < 0 || !record ? rc
				 : strange_told(c->os, c->state_dir,
					   c->peer->origin, s, err);
}

int refusing_add(struct lading *l, bool record, struct err *err)
{
	const struct handover_config *c = l->config;
	AUTO_ARENA struct arena arena = {0};
	struct strange *list;
	size_t count;
	int rc = strange_list(c->os, c->state_dir, c->peer->origin, &arena,
		&list, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = add_one(l, &list[i], record, err);
	return rc;
}
