/*
 * carrier: which carriers there are, and which file has which.
 */
#include "carrier.h"
#include "carrier_dir.h"
#include "carrier_exec.h"
#include "carrier_rsync.h"
#include "config.h"
#include "err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct carrier_ops *const built[] = {
	&carrier_dir_ops, &carrier_rsync_ops, &carrier_exec_ops};

static bool is_scheme(const char *scheme, const char *via, size_t len)
{
	return strlen(scheme) == len && memcmp(scheme, via, len) == 0;
}

static const struct carrier_ops *find(const char *via)
{
	const char *colon = strchr(via, ':');
	size_t len = colon ? (size_t)(colon - via) : 0;

	for (size_t i = 0; i < sizeof(built) / sizeof(built[0]); i++)
		if (is_scheme(built[i]->scheme, via, len))
			return built[i];
	return NULL;
}

int carrier_open(const struct carrier_place *place, const char *via,
	struct carrier **ret, struct err *err)
{
	const struct carrier_ops *ops = find(via);
	size_t len = strcspn(via, ":");

	if (ops)
		return ops->open(place, via + len + 1, ret, err);
	/* lib/link carries parcels there (lives.c). */
	if (via_is_live(via))
		return err_set(err, ERR_USAGE,
			"via \"%s\": a live link holds no bundles", via);
	return err_set(err, ERR_USAGE,
		"via \"%s\": no such carrier (for example dir:/media/usb)",
		via);
}

char *carrier_spool(const char *state_dir, uint64_t peer, const char *via)
{
	return mem_printf("%s/links/%016" PRIx64 "-%016" PRIx64, state_dir,
		peer, hash_check(via, strlen(via), 0));
}

bool carrier_is_remote(const char *via)
{
	const struct carrier_ops *ops = find(via);

	return ops && ops->remote;
}

bool carrier_list_has(
	const struct carrier_list *list, uint64_t sender, uint64_t sequence)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (list->items[i].sender == sender &&
			list->items[i].sequence == sequence)
			return true;
	return false;
}

void carrier_list_free(struct carrier_list *list)
{
	free(list->items);
	free(list->parts);
	*list = (struct carrier_list){0};
}
