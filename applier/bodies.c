#include "bodies.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "os.h"

#define COPY_SIZE 65536

/* A body of which the parcel held something. */
struct touched {
	struct hash hash;
	uint64_t size;
	bool whole;
	bool preview; /* of another one: it is not counted */
};

struct taking {
	struct os *os;
	const char *dir;
	struct touched *items;
	size_t count;
	uint8_t *chunk; /* COPY_SIZE bytes */
};

static char *path_of(
	const struct taking *t, const struct hash *hash, const char *end)
{
	char hex[HASH_HEX];

	hash_hex(hash, hex);
	return mem_printf("%s/%s.%s", t->dir, hex, end);
}

static bool is_whole(const struct taking *t, const struct hash *hash)
{
	AUTO_FREE char *body = path_of(t, hash, "body");
	struct os_stat st;

	return t->os->ops->lstat(t->os, body, &st) == 0;
}

/* ---- writing ---- */

/* Pieces of one body come one after the other. */
static void note(
	struct taking *t, const struct parcel_body *piece, bool preview)
{
	struct touched *last = t->count ? &t->items[t->count - 1] : NULL;

	if (!last || memcmp(&last->hash, &piece->hash, sizeof(last->hash))) {
		t->items = mem_grow(t->items, t->count + 1, sizeof(*t->items));
		last = &t->items[t->count++];
		*last = (struct touched){
			.hash = piece->hash, .preview = preview};
	}
	last->size = piece->size;
	last->whole = piece->offset + piece->len == piece->size;
}

static int write_piece(struct taking *t, const struct parcel_body *piece,
	bool preview, struct err *err)
{
	struct os *os = t->os;
	struct os_stat st;

	if (is_whole(t, &piece->hash))
		return 0;
	AUTO_FREE char *part = path_of(t, &piece->hash, "part");
	int fd = os->ops->open(os, part, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_os(err, -fd, "%s", part);
	int rc = os->ops->fstat(os, fd, &st);
	if (rc < 0)
		rc = err_set_os(err, -rc, "%s", part);
	if (rc >= 0 && piece->offset <= (uint64_t)st.size) {
		rc = os_write_all(os, fd, piece->data, piece->len,
			(int64_t)piece->offset, part, err);
		note(t, piece, preview);
	}
	os->ops->close(os, fd);
	return rc < 0 ? rc : 0;
}

/* ---- finishing ---- */

static int verify(struct taking *t, int fd, const char *path,
	const struct touched *body, struct err *err)
{
	struct hash_state state;
	struct os_stat st;
	uint64_t at = 0;
	int rc = t->os->ops->fstat(t->os, fd, &st);

	if (rc < 0)
		return err_set_os(err, -rc, "%s", path);
	bool right = (uint64_t)st.size == body->size;
	hash_init(&state);
	while (right && at < body->size) {
		size_t n = body->size - at < COPY_SIZE
				   ? (size_t)(body->size - at)
				   : COPY_SIZE;

		rc = os_read_all(
			t->os, fd, t->chunk, n, (int64_t)at, path, err);
		if (rc < 0)
			return rc;
		hash_add(&state, t->chunk, n);
		at += n;
	}
	struct hash h = hash_end(&state);
	if (right && memcmp(&h, &body->hash, sizeof(h)) == 0)
		return 0;
	return err_set(err, ERR_CORRUPT,
		"body %s: its bytes are not those it is named for", path);
}

/* What is wrong, or may not be on the disk, is fetched once more. */
static void drop(struct taking *t, const struct touched *body)
{
	AUTO_FREE char *part = path_of(t, &body->hash, "part");

	t->os->ops->unlink(t->os, part);
}

/* Returns 1 when it has its name now. */
static int settle(struct taking *t, const struct touched *body, bool synced,
	struct err *err)
{
	AUTO_FREE char *part = path_of(t, &body->hash, "part");
	AUTO_FREE char *path = path_of(t, &body->hash, "body");
	struct os *os = t->os;

	if (is_whole(t, &body->hash))
		return 0; /* it was twice in the parcel */
	int fd = os->ops->open(os, part, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return err_set_os(err, -fd, "%s", part);
	int rc = body->whole ? verify(t, fd, part, body, err) : 0;
	bool wrong = rc == ERR_CORRUPT;
	if (rc >= 0 && !synced && (rc = os->ops->fsync(os, fd)) < 0) {
		rc = err_set_os(err, -rc, "fsync %s", part);
		wrong = true;
	}
	os->ops->close(os, fd);
	if (wrong)
		drop(t, body);
	if (rc < 0 || !body->whole)
		return rc;
	rc = os->ops->rename(os, part, path);
	return rc < 0 ? err_set_os(err, -rc, "rename %s", part) : 1;
}

static int settle_all(
	struct taking *t, int dir_fd, uint64_t *ret_whole, struct err *err)
{
	int synced = os_sync_many(t->os, dir_fd, t->count, t->dir, err);

	for (size_t i = 0; i < t->count; i++) {
		if (synced < 0) {
			drop(t, &t->items[i]);
			continue;
		}
		int rc = settle(t, &t->items[i], synced == 1, err);

		if (rc < 0)
			return rc;
		*ret_whole += rc == 1 && !t->items[i].preview;
	}
	return synced < 0 ? synced : dir_sync(t->os, t->dir, err);
}

/* What of a section is (a piece of) a body, if anything. */
static bool body_of(const struct parcel_section *s, struct parcel_body *ret)
{
	if (s->type == PARCEL_BODY)
		*ret = s->body;
	else if (s->type == PARCEL_PREVIEW)
		*ret = (struct parcel_body){
			.hash = hash_of(s->preview.data, s->preview.len),
			.size = s->preview.len,
			.data = s->preview.data,
			.len = s->preview.len};
	else
		return false;
	return true;
}

static int write_all(struct taking *t, const struct parcel_sections *sections,
	struct err *err)
{
	for (size_t i = 0; i < sections->count; i++) {
		struct parcel_body body;

		if (!body_of(&sections->items[i], &body))
			continue;
		int rc = write_piece(t, &body,
			sections->items[i].type == PARCEL_PREVIEW, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool has_bodies(const struct parcel_sections *sections)
{
	for (size_t i = 0; i < sections->count; i++)
		if (sections->items[i].type == PARCEL_BODY ||
			sections->items[i].type == PARCEL_PREVIEW)
			return true;
	return false;
}

int bodies_take(struct os *os, const char *dir,
	const struct parcel_sections *sections, uint64_t *ret_whole,
	struct err *err)
{
	struct taking t = {.os = os, .dir = dir};

	if (!has_bodies(sections))
		return 0;
	/* Before anything is written: it is to tell of every failed write. */
	int fd = os->ops->open(os, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_set_os(err, -fd, "%s", dir);
	t.chunk = mem_alloc(COPY_SIZE);
	int rc = write_all(&t, sections, err);
	if (rc >= 0)
		rc = settle_all(&t, fd, ret_whole, err);
	os->ops->close(os, fd);
	free(t.items);
	free(t.chunk);
	return rc < 0 ? rc : 0;
}
