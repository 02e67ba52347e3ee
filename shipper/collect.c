#include "collect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bundle.h"
#include "err.h"
#include "parcel.h"

struct collecting {
	const struct collect_config *config;
	struct os *os;
	struct carrier *carrier;
	const char *inbox;
	struct collect_result *result;
};

static char *parcel_path(
	const struct collecting *c, uint64_t sequence, unsigned number)
{
	return mem_printf("%s/%016llx-%08x.parcel", c->inbox,
		(unsigned long long)sequence, number);
}

/* Durable under a temporary name. */
static int store_parcel(struct collecting *c, uint64_t sequence,
	unsigned number, const struct buf *parcel, struct err *err)
{
	struct os *os = c->os;
	AUTO_FREE char *path = parcel_path(c, sequence, number);
	AUTO_FREE char *temp = mem_printf("%s.tmp", path);
	int fd = os->ops->open(os, temp, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	if (fd < 0)
		return err_set_os(err, -fd, "%s", temp);
	int rc = os_write_all(os, fd, parcel->data, parcel->len, 0, temp, err);
	if (rc >= 0 && (rc = os->ops->fsync(os, fd)) < 0)
		rc = err_set_os(err, -rc, "fsync %s", temp);
	os->ops->close(os, fd);
	return rc < 0 ? rc : 0;
}

static void drop_parcels(
	struct collecting *c, uint64_t sequence, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		AUTO_FREE char *path = parcel_path(c, sequence, i);
		AUTO_FREE char *temp = mem_printf("%s.tmp", path);

		c->os->ops->unlink(c->os, temp);
	}
}

/* An applier leaves a bundle alone as long as some of it is temporary: half
   of one would make messages late that are here. */
static int show_parcels(struct collecting *c, uint64_t sequence, unsigned count,
	struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		AUTO_FREE char *path = parcel_path(c, sequence, i);
		AUTO_FREE char *temp = mem_printf("%s.tmp", path);
		int rc = c->os->ops->rename(c->os, temp, path);

		if (rc < 0)
			return err_set_os(err, -rc, "rename %s", temp);
	}
	return dir_sync(c->os, c->inbox, err);
}

/* What a crash left. Its bundle lies on its medium still. */
static void drop_temporary(struct os *os, const char *inbox)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (os->ops->list(os, inbox, &list) < 0)
		return;
	while (os_list_next(&list, &at, &entry)) {
		size_t len = strlen(entry.name);
		AUTO_FREE char *path = mem_printf("%s/%s", inbox, entry.name);

		if (len > 4 && strcmp(entry.name + len - 4, ".tmp") == 0)
			os->ops->unlink(os, path);
	}
}

static int no_room(const struct collect_config *config, const char *for_what,
	struct err *err)
{
	return err_set(err, ERR_OPERATOR,
		"%s: with %s less than %u %% of the disk is free: nothing is "
		"taken until there is room (or set \"reserve\")",
		config->state_dir, for_what, config->reserve_percent);
}

/* Mail may be delivered to the same file system: that is not filled up. */
static int look_at_disk(const struct collect_config *config, uint64_t *ret_left,
	uint64_t *ret_reserve, struct err *err)
{
	uint64_t total;
	int rc = config->os->ops->space(
		config->os, config->state_dir, ret_left, &total);

	if (rc < 0)
		return err_set_os(err, -rc, "%s", config->state_dir);
	*ret_reserve = total / 100 * config->reserve_percent;
	return 0;
}

int collect_space(
	const struct collect_config *config, uint64_t size, struct err *err)
{
	AUTO_FREE char *more =
		mem_printf("%llu bytes more", (unsigned long long)size);
	uint64_t left, reserve;
	int rc = 0;

	if (!config->reserve_percent)
		return 0;
	rc = look_at_disk(config, &left, &reserve, err);
	if (rc >= 0 && (left < size || left - size < reserve))
		rc = no_room(config, more, err);
	return rc;
}

int collect_room(
	const struct collect_config *config, uint64_t *ret, struct err *err)
{
	uint64_t left, reserve;

	*ret = 0;
	if (!config->reserve_percent)
		return 0;
	int rc = look_at_disk(config, &left, &reserve, err);
	if (rc >= 0)
		*ret = left > reserve ? (left - reserve) / 2 + 1 : 1;
	return rc;
}

int collect_watch_look(void *arg, struct err *err)
{
	struct collect_watch *w = arg;
	uint64_t left, reserve;

	if (!w->config->reserve_percent)
		return 0;
	int rc = look_at_disk(w->config, &left, &reserve, err);
	if (rc >= 0 && !w->least)
		w->least = left > reserve ? reserve + (left - reserve) / 2
					  : reserve + 1;
	if (rc >= 0 && left < w->least)
		rc = no_room(w->config, "what comes", err);
	return rc;
}

/* Every parcel durable, or an error. */
static int store_bundle(
	struct collecting *c, const struct carrier_item *item, struct err *err)
{
	struct bundle_reader *reader;
	AUTO_BUF struct buf parcel = BUF_INIT;
	unsigned number = 0;
	uint64_t bytes = 0;
	int fd;
	int rc = collect_space(c->config, item->size, err);

	if (rc >= 0)
		rc = c->carrier->ops->get(c->carrier, item, &fd, err);
	if (rc < 0)
		return rc;
	rc = bundle_reader_open(c->os, fd, "bundle", &reader, err);
	if (rc >= 0) {
		while ((rc = bundle_reader_next(reader, &parcel, err)) > 0) {
			rc = store_parcel(
				c, item->sequence, number++, &parcel, err);
			if (rc < 0)
				break;
			bytes += parcel.len;
		}
		bundle_reader_close(reader);
	}
	c->os->ops->close(c->os, fd);
	if (rc >= 0)
		rc = show_parcels(c, item->sequence, number, err);
	if (rc < 0) {
		drop_parcels(c, item->sequence, number);
		return rc;
	}
	c->result->parcels += number;
	c->result->bytes += bytes;
	return 0;
}

static char *seen_path(struct collecting *c, const struct carrier_item *item)
{
	struct id128 medium = c->carrier->ops->medium(c->carrier);
	char hex[ID_HEX];

	id_hex(&medium, hex);
	return mem_printf("%s/seen-%s-%016llx", c->inbox, hex,
		(unsigned long long)item->sequence);
}

static int collect_one(
	struct collecting *c, const struct carrier_item *item, struct err *err)
{
	struct os_stat st;
	AUTO_FREE char *seen = seen_path(c, item);
	bool read_only = c->carrier->ops->read_only(c->carrier);

	if (read_only && c->os->ops->lstat(c->os, seen, &st) == 0)
		return 0;
	int rc = store_bundle(c, item, err);
	if (rc == ERR_CORRUPT && !read_only) {
		/* As long as it lies there its sender takes it for under
		   way: gone, it is sent again. */
		struct err quiet = ERR_INIT;
		c->carrier->ops->remove(c->carrier, item, &quiet);
	}
	if (rc < 0)
		return err_wrap(err, "bundle %016llx",
			(unsigned long long)item->sequence);
	c->result->bundles++;
	c->result->size += item->size;
	if (read_only)
		return file_replace(c->os, seen, "", 0, 0640, err);
	rc = c->carrier->ops->remove(c->carrier, item, err);
	return rc == ERR_ABSENT ? 0 : rc;
}

int collect_bundles(const struct collect_config *config,
	struct carrier *carrier, const char *inbox, struct collect_result *ret,
	struct err *err)
{
	struct os *os = config->os;
	struct collecting c = {config, os, carrier, inbox, ret};
	struct carrier_list list = {0};
	int worst = 0;
	int rc = carrier->ops->list(carrier, config->self, &list, err);

	if (rc < 0)
		return rc;
	drop_temporary(os, inbox);
	for (size_t i = 0; i < list.count; i++) {
		struct err one = ERR_INIT;

		if (list.items[i].sender != config->peer)
			continue;
		rc = dir_make(os, inbox, 0750, &one);
		if (rc >= 0)
			rc = collect_one(&c, &list.items[i], &one);
		if (rc < 0 && !worst) {
			*err = one;
			worst = rc;
		}
	}
	if (list.unfetched && !worst) {
		ret->unfetched = list.unfetched;
		worst = err_set(err, ERR_OPERATOR,
			"%zu bundle%s left there, of %llu bytes or less: there "
			"has to be room here for twice as many, besides %u %% "
			"of the disk (make room, or set \"reserve\")",
			list.unfetched, list.unfetched == 1 ? " is" : "s are",
			(unsigned long long)list.unfetched_size,
			config->reserve_percent);
	}
	carrier_list_free(&list);
	return worst;
}
