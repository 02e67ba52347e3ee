/*
 * marker: the id of a store, in <INBOX>/cur/.packetboat/marker.
 *
 *	32 hex digits, LF
 *
 * It tells this Maildir from another that was mounted or restored in its
 * place. Made by link(2), so that of two who make it at once one wins and both
 * read the same; never changed. A crash leaves none or a whole one.
 */
#include "maildir_private.h"

#include <errno.h>
#include <string.h>

#define MARKER_MAX ((size_t)256)

/* Returns 0, or 1 if there is none. */
static int read_marker(struct os *os, const char *path,
	struct store_marker *ret, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT;
	int r = control_read(os, path, MARKER_MAX, &b, NULL, err);

	if (r != 0)
		return r;
	if (b.len && b.data[b.len - 1] == '\n')
		b.len--;
	if (memchr(buf_str(&b), '\0', b.len) ||
		id_from_hex(buf_str(&b), &ret->id) < 0)
		return err_set(err, ERR_CORRUPT, "%s: not an id", path);
	r = os->ops->birth(os, path, &ret->made_ns);
	return r < 0 ? err_set_os(err, -r, "stat %s", path) : 0;
}

static int link_marker(
	struct maildir *m, const char *tmp, const char *path, struct err *err)
{
	struct os *os = m->store.os;
	int r = os->ops->link(os, tmp, path);

	os->ops->unlink(os, tmp);
	if (r < 0 && r != -EEXIST)
		return err_set_os(err, -r, "link %s", path);
	return 0;
}

static int make_marker(
	struct maildir *m, const char *dir, const char *path, struct err *err)
{
	struct os *os = m->store.os;
	AUTO_FREE char *name = temp_name(m, true);
	AUTO_FREE char *tmp = path_join(dir, name);
	AUTO_BUF struct buf b = BUF_INIT;
	struct id128 id;
	char hex[ID_HEX];
	int r = dir_make(os, dir, 0700, err);

	if (r < 0)
		return r;
	temp_sweep(m, dir);
	os->ops->random(os, &id, sizeof(id));
	id_hex(&id, hex);
	buf_printf(&b, "%s\n", hex);
	r = file_replace(os, tmp, b.data, b.len, 0600, err);
	if (r == 0)
		r = link_marker(m, tmp, path, err);
	return r == 0 ? dir_sync(os, dir, err) : r;
}

int marker_read(
	struct maildir *m, bool make, struct store_marker *ret, struct err *err)
{
	AUTO_FREE char *dir = layout_private(m, false);
	AUTO_FREE char *path = path_join(dir, "marker");
	struct os *os = m->store.os;
	struct os_stat st;
	int r = os->ops->stat(os, m->root, &st);

	if (r < 0)
		return err_set_os(err, -r, "stat %s", m->root);
	r = read_marker(os, path, ret, err);
	if (r <= 0)
		return r;
	if (!make)
		return err_set(err, ERR_ABSENT, "%s: no marker", path);
	r = make_marker(m, dir, path, err);
	if (r == 0)
		r = read_marker(os, path, ret, err);
	if (r == 1)
		return err_set(err, ERR_ABSENT, "%s: gone at once", path);
	return r < 0 ? r : 1;
}
