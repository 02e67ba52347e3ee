#include "held_links.h"

uint64_t held_links_least(const struct config_peer *p)
{
	uint64_t least = HOLD_NONE;

	for (size_t i = 0; i < p->link_count; i++)
		if (p->links[i].hold < least)
			least = p->links[i].hold;
	return least;
}

const struct config_link *held_links_taker(
	const struct config_peer *p, uint64_t size)
{
	for (size_t i = 0; i < p->link_count; i++)
		if (size <= p->links[i].hold)
			return &p->links[i];
	return NULL;
}
