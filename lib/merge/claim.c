#include "claim.h"

struct claim claim_said(const struct change *c)
{
	return (struct claim){.term = c->term,
		.site = c->site,
		.stamp = c->by.stamp,
		.uidvalidity = c->uidvalidity,
		.uidnext = c->uidnext};
}

bool claim_gives_away(const struct change *c)
{
	return c->kind == CHANGE_AUTHORITY && c->site != c->by.log.origin;
}

bool claim_is_used(const struct claim *c)
{
	return c->uidnext > 1;
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int claim_cmp(const struct claim *a, const struct claim *b)
{
	int c = order(a->term, b->term);

	if (c == 0)
		c = order(claim_is_used(a), claim_is_used(b));
	/* One less, so that none is the greatest: the lower wins. */
	if (c == 0)
		c = order(b->uidvalidity - UINT32_C(1),
			a->uidvalidity - UINT32_C(1));
	if (c == 0)
		c = order(b->stamp, a->stamp);
	return c ? c : order(a->site, b->site);
}
