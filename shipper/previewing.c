#include "previewing.h"

#include "err.h"
#include "parcel.h"

int previewing_add(const struct handover_config *config, const char *account,
	const struct hash *held, size_t most, struct buf *sections,
	struct err *err)
{
	char there[ACCOUNTMAP_NAME_MAX + 1];
	AUTO_BUF struct buf bytes = BUF_INIT;

	if (!account_map_there(&config->map, account, there))
		return 1;
	int rc = config->body_preview(config->body_arg, account, held,
		config->peer_name, most, &bytes, err);
	if (rc == ERR_ABSENT || rc == ERR_CORRUPT)
		return 1;
	if (rc < 0)
		return rc;
	struct parcel_preview preview = {
		.account = there,
		.held = *held,
		.data = bytes.data,
		.len = bytes.len,
	};
	parcel_add_preview(sections, &preview);
	return 0;
}
