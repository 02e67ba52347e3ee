/*
 * carrier: which carriers there are, and which file has which.
 */
#include "carrier.h"
#include "carrier_dir.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

static const struct carrier_ops *const built[] = {&carrier_dir_ops};

/* In the configuration's language, but not built. */
static const char *const planned[] = {"tcp", "stdio", "rsync", "exec"};

static bool is_scheme(const char *scheme, const char *via, size_t len)
{
	return strlen(scheme) == len && memcmp(scheme, via, len) == 0;
}

int carrier_open(struct os *os, const char *via, uint64_t self,
	struct carrier **ret, struct err *err)
{
	const char *colon = strchr(via, ':');
	size_t len = colon ? (size_t)(colon - via) : 0;

	for (size_t i = 0; i < sizeof(built) / sizeof(built[0]); i++)
		if (colon && is_scheme(built[i]->scheme, via, len))
			return built[i]->open(os, colon + 1, self, ret, err);
	for (size_t i = 0; i < sizeof(planned) / sizeof(planned[0]); i++)
		if (colon && is_scheme(planned[i], via, len))
			return err_set(err, ERR_USAGE,
				"via \"%s\": this carrier is not built yet",
				via);
	return err_set(err, ERR_USAGE,
		"via \"%s\": no such carrier (for example dir:/media/usb)",
		via);
}

void carrier_list_free(struct carrier_list *list)
{
	free(list->items);
	free(list->parts);
	*list = (struct carrier_list){0};
}
