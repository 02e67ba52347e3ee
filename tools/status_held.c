#include "status_held.h"

#include "err.h"
#include "held.h"
#include "held_links.h"

int status_held(struct account *a, const struct config_peer *p, uint64_t peer,
	struct status_held *ret, struct err *err)
{
	uint64_t least = held_links_least(p);
	AUTO_ARENA struct arena arena = {0};
	struct held_body *list;
	size_t count = 0;

	*ret = (struct status_held){0};
	if (least == HOLD_NONE)
		return 0;
	int rc = held_list(a->replica, peer, least, &arena, &list, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		const struct held_body *b = &list[i];

		if (b->link) {
			ret->handed++;
		} else if (b->released) {
			ret->released++;
		} else {
			bool stuck = !held_links_taker(p, b->size);

			ret->bodies++;
			ret->bytes += b->size;
			ret->previews += b->told || b->previewed;
			ret->stuck += stuck;
			ret->stuck_bytes += stuck ? b->size : 0;
		}
	}
	return rc;
}
