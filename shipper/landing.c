#include "landing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "parcel.h"
#include "wire.h"

#define CAME_MAX 64u /* bytes of a .came file */

/* ---- names ---- */

static char *path_of(
	const struct landing *l, const struct hash *name, const char *end)
{
	char hex[HASH_HEX];

	hash_hex(name, hex);
	return mem_printf("%s/%s.%s", l->config.inbox, hex, end);
}

static bool exists(const struct landing *l, const char *path)
{
	struct os *os = l->config.space.os;
	struct os_stat st;

	return os->ops->lstat(os, path, &st) == 0;
}

/* What a crash left: the part that it was made of is still there, or its
   sender was not told. */
static void drop_landing(const struct landing *l)
{
	struct os *os = l->config.space.os;
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (os->ops->list(os, l->inbox, &list) < 0)
		return;
	while (os_list_next(&list, &at, &entry)) {
		AUTO_FREE char *path =
			mem_printf("%s/%s", l->inbox, entry.name);
		const char *end = strrchr(entry.name, '.');

		if (end && strcmp(end, ".landing") == 0)
			os->ops->unlink(os, path);
	}
}

int landing_open(const struct landing_config *config, struct landing *ret,
	struct err *err)
{
	struct os *os = config->space.os;
	AUTO_FREE char *lock = mem_printf("%s/live.lock", config->inbox);
	int rc = dir_make(os, config->inbox, 0750, err);

	*ret = (struct landing){.config = *config, .lock = -1};
	if (rc < 0)
		return rc;
	int fd = os->ops->open(os, lock, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return err_set_os(err, -fd, "%s", lock);
	rc = os->ops->lock(os, fd, OS_LOCK_WRITE, 0, 0);
	if (rc < 0) {
		os->ops->close(os, fd);
		return rc == -EAGAIN
			       ? err_set(err, ERR_BUSY,
					 "another run has a link with this "
					 "peer (nothing is lost)")
			       : err_set_os(err, -rc, "lock %s", lock);
	}
	ret->lock = fd;
	ret->config.inbox = ret->inbox = mem_dup(config->inbox);
	ret->config.bodies = ret->bodies = mem_dup(config->bodies);
	drop_landing(ret);
	return 0;
}

void landing_close(struct landing *l)
{
	struct os *os = l->config.space.os;

	if (l->lock < 0)
		return;
	os->ops->close(os, l->lock);
	free(l->inbox);
	free(l->bodies);
	l->lock = -1;
}

/* ---- parcels ---- */

static int write_file(struct landing *l, const char *path, const void *data,
	size_t len, struct err *err)
{
	struct os *os = l->config.space.os;
	int fd = os->ops->open(os, path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	if (fd < 0)
		return err_set_os(err, -fd, "%s", path);
	int rc = os_write_all(os, fd, data, len, 0, path, err);
	if (rc >= 0 && (rc = os->ops->fsync(os, fd)) < 0)
		rc = err_set_os(err, -rc, "fsync %s", path);
	os->ops->close(os, fd);
	return rc < 0 ? rc : 0;
}

/* Names of parcels are taken in their order, so they only grow. */
static char *next_parcel(struct landing *l)
{
	struct os *os = l->config.space.os;
	uint64_t now = (uint64_t)(os->ops->wall_ns(os) / 1000000);
	char *path = NULL;

	l->sequence = now > l->sequence ? now : l->sequence + 1;
	while (!path) {
		path = mem_printf("%s/%016llx-%08x.parcel", l->config.inbox,
			(unsigned long long)l->sequence, 0U);
		if (!exists(l, path))
			break;
		free(path);
		path = NULL;
		l->sequence++;
	}
	return path;
}

/* Returns the path of the parcel in *ret. */
static int land(struct landing *l, const void *contents, size_t len, char **ret,
	struct err *err)
{
	struct os *os = l->config.space.os;
	AUTO_BUF struct buf parcel = BUF_INIT;
	AUTO_FREE char *path = next_parcel(l);
	AUTO_FREE char *temp = mem_printf("%s/%016llx.landing", l->config.inbox,
		(unsigned long long)l->sequence);
	int rc = collect_space(&l->config.space, len, err);

	if (rc >= 0)
		rc = parcel_reseal(os, l->config.self, l->config.peer, contents,
			len, &parcel, err);
	if (rc >= 0)
		rc = write_file(l, temp, parcel.data, parcel.len, err);
	if (rc >= 0 && (rc = os->ops->rename(os, temp, path)) < 0)
		rc = err_set_os(err, -rc, "rename %s", temp);
	if (rc >= 0)
		rc = dir_sync(os, l->config.inbox, err);
	if (rc < 0) {
		os->ops->unlink(os, temp);
		return rc;
	}
	l->got.parcels++;
	l->got.bytes += len;
	if (ret) {
		*ret = path;
		path = NULL;
	}
	return 0;
}

int landing_item(
	struct landing *l, const void *contents, size_t len, struct err *err)
{
	return land(l, contents, len, NULL, err);
}

/* ---- pieces ---- */

/* Its loss costs bytes on the line, no more: so it is not synced. */
static void note_came(
	struct landing *l, const struct link_piece *piece, const char *parcel)
{
	struct os *os = l->config.space.os;
	AUTO_FREE char *path = path_of(l, &piece->name, "came");
	AUTO_BUF struct buf b = BUF_INIT;
	int fd = os->ops->open(os, path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	if (fd < 0)
		return;
	wire_add_u64(&b, piece->size);
	buf_add_str(&b, strrchr(parcel, '/') + 1);
	os_write_all(os, fd, b.data, b.len, 0, path, NULL);
	os->ops->close(os, fd);
}

static int land_whole(struct landing *l, int fd, const char *path,
	const struct link_piece *piece, struct err *err)
{
	struct os *os = l->config.space.os;
	AUTO_BUF struct buf all = BUF_INIT;
	AUTO_FREE char *parcel = NULL;
	int rc = os_read_all(
		os, fd, buf_room(&all, piece->size), piece->size, 0, path, err);

	if (rc < 0)
		return rc;
	struct hash h = hash_of(all.data, piece->size);
	if (memcmp(&h, &piece->name, sizeof(h)) != 0)
		return err_set(err, ERR_CORRUPT,
			"a parcel that was begun is not what it is named for: "
			"it comes again");
	rc = land(l, all.data, piece->size, &parcel, err);
	if (rc >= 0)
		note_came(l, piece, parcel);
	return rc;
}

static int keep_piece(struct landing *l, int fd, const char *path,
	const struct link_piece *piece, struct err *err)
{
	struct os *os = l->config.space.os;
	struct os_stat st;
	int rc = os->ops->fstat(os, fd, &st);

	if (rc < 0)
		return err_set_os(err, -rc, "%s", path);
	if (piece->offset > (uint64_t)st.size)
		return err_set(err, ERR_CONFLICT,
			"a parcel goes on where it did not end");
	rc = piece->offset ? 0
			   : collect_space(&l->config.space, piece->size, err);
	if (rc >= 0)
		rc = os_write_all(os, fd, piece->data, piece->len,
			(int64_t)piece->offset, path, err);
	return rc;
}

int landing_piece(
	struct landing *l, const struct link_piece *piece, struct err *err)
{
	struct os *os = l->config.space.os;
	AUTO_FREE char *came = path_of(l, &piece->name, "came");
	AUTO_FREE char *path = path_of(l, &piece->name, "part");

	if (exists(l, came))
		return 0;
	int fd = os->ops->open(os, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_os(err, -fd, "%s", path);
	int rc = keep_piece(l, fd, path, piece, err);
	if (rc >= 0 && piece->last)
		rc = land_whole(l, fd, path, piece, err);
	os->ops->close(os, fd);
	if (rc == ERR_CORRUPT || (rc >= 0 && piece->last))
		os->ops->unlink(os, path);
	return rc < 0 ? rc : 0;
}

/* ---- what is there ---- */

struct kept {
	struct link_have have;
	int64_t mtime_ns;
};

static int latest_first(const void *x, const void *y)
{
	const struct kept *a = x, *b = y;

	return a->mtime_ns < b->mtime_ns   ? 1
	       : a->mtime_ns > b->mtime_ns ? -1
					   : 0;
}

/* Parcels that came whole, as long as they lie here. */
static bool still_lies(
	const struct landing *l, const char *path, uint64_t *ret_size)
{
	AUTO_BUF struct buf b = BUF_INIT;

	if (file_read(l->config.space.os, path, CAME_MAX, &b, NULL) < 0 ||
		b.len <= 8)
		return false;
	struct wire w = wire_over(b.data, b.len);
	*ret_size = wire_u64(&w);
	AUTO_FREE char *name = mem_dup_n((const char *)w.at, wire_left(&w));
	AUTO_FREE char *parcel = mem_printf("%s/%s", l->config.inbox, name);
	AUTO_FREE char *early = mem_printf("%s.early", parcel);
	AUTO_FREE char *kept = mem_printf("%s.kept", parcel);
	return *ret_size <= LINK_ITEM_MAX && !strchr(name, '/') &&
	       (exists(l, parcel) || exists(l, early) || exists(l, kept));
}

/* The file's name without its end, as a hash. */
static bool named(const char *name, const char *end, struct hash *ret)
{
	size_t len = strlen(name), tail = strlen(end);

	if (len != HASH_HEX - 1 + tail || strcmp(name + len - tail, end) != 0)
		return false;
	AUTO_FREE char *hex = mem_dup_n(name, HASH_HEX - 1);
	return hash_from_hex(hex, ret) == 0;
}

/* Returns all of a directory, the latest first. */
static struct kept *look(struct landing *l, const char *dir, size_t *ret_count)
{
	struct os *os = l->config.space.os;
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	struct os_stat st;
	struct kept *all = NULL;
	size_t at = 0, count = 0;

	*ret_count = 0;
	if (os->ops->list(os, dir, &list) < 0)
		return NULL;
	while (os_list_next(&list, &at, &entry)) {
		AUTO_FREE char *path = mem_printf("%s/%s", dir, entry.name);
		struct kept k = {.mtime_ns = 0};
		bool came = named(entry.name, ".came", &k.have.name);

		if ((!came && !named(entry.name, ".part", &k.have.name)) ||
			os->ops->lstat(os, path, &st) < 0)
			continue;
		k.have.len = (uint64_t)st.size;
		k.mtime_ns = st.mtime_ns;
		if (came && !still_lies(l, path, &k.have.len)) {
			os->ops->unlink(os, path);
			continue;
		}
		all = mem_room(all, count, sizeof(*all));
		all[count++] = k;
	}
	if (count)
		qsort(all, count, sizeof(*all), latest_first);
	*ret_count = count;
	return all;
}

int landing_have(struct landing *l, struct link_have ret[LINK_HAVE_MAX],
	size_t *ret_count, struct err *err)
{
	struct os *os = l->config.space.os;
	size_t parts, bodies, count = 0;
	AUTO_FREE struct kept *part = look(l, l->config.inbox, &parts);
	AUTO_FREE struct kept *body = look(l, l->config.bodies, &bodies);

	(void)err;
	/* Half of the names for each, more where the other has fewer. */
	for (size_t i = 0; i < parts; i++) {
		bool fits = count < LINK_HAVE_MAX / 2 ||
			    count + bodies < LINK_HAVE_MAX;

		if (fits && part[i].have.len <= LINK_ITEM_MAX) {
			ret[count++] = part[i].have;
			continue;
		}
		AUTO_FREE char *path = path_of(l, &part[i].have.name, "part");
		os->ops->unlink(os, path);
	}
	for (size_t i = 0; i < bodies && count < LINK_HAVE_MAX; i++)
		ret[count++] = body[i].have;
	*ret_count = count;
	return 0;
}
