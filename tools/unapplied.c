#include "unapplied.h"

#include <string.h>

#include "err.h"

int unapplied_check(struct site *s, const char *peer, struct err *err)
{
	AUTO_FREE char *dir = mem_printf("%s/%s", s->inbox_dir, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (s->os->ops->list(s->os, dir, &list) < 0)
		return 0; /* nothing was ever collected */
	while (os_list_next(&list, &at, &entry)) {
		const char *end = strchr(entry.name, '.');

		if (end && (strcmp(end, ".parcel") == 0 ||
				   strcmp(end, ".parcel.early") == 0 ||
				   strcmp(end, ".parcel.kept") == 0))
			return err_set(err, ERR_USAGE,
				"peer %s: %s holds parcels of it that were not "
				"applied (run packetboat apply; remove those "
				"that stay)",
				peer, dir);
	}
	return 0;
}
