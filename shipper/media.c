/*
 * media: which medium a directory is, by its marker, and making it one.
 *
 * The marker is written by way of packetboat.id.tmp: a cut leaves no marker,
 * or a whole one. It is never replaced; a damaged one is a person's to remove.
 */
#include "carrier.h"
#include "err.h"
#include "medium.h"
#include "medium_file.h"

#include <errno.h>
#include <sys/stat.h>

static int absent(const char *root, const char *why, struct err *err)
{
	return err_set(err, ERR_ABSENT,
		"%s: %s: not mounted, or not prepared "
		"(packetboat media init %s)",
		root, why, root);
}

int medium_identify(struct os *os, const char *root, struct id128 *ret,
	char **ret_path, struct err *err)
{
	AUTO_FREE char *path = NULL;
	char text[MEDIUM_MARKER_SIZE];
	struct os_stat st;
	int r = os->ops->stat(os, root, &st);

	if (r == -ENOENT || r == -ENOTDIR || (r == 0 && !S_ISDIR(st.mode)))
		return absent(root, "no such directory", err);
	if (r < 0)
		return err_set_os(err, -r, "stat %s", root);
	r = medium_find(os, root, MEDIUM_MARKER, &path, err);
	if (r < 0)
		return r;
	if (r == 0)
		return absent(root, "no " MEDIUM_MARKER " there", err);
	r = medium_read_small(os, path, text, sizeof(text), err);
	if (r == 0 && medium_marker_read(text, sizeof(text), ret) < 0)
		r = err_set(err, ERR_CORRUPT, "%s: damaged", path);
	if (r == ERR_CORRUPT)
		return err_set(err, ERR_CORRUPT,
			"%s: not a marker; remove it and run "
			"packetboat media init %s",
			path, root);
	if (r == 0 && ret_path) {
		*ret_path = path;
		path = NULL;
	}
	return r;
}

int carrier_media_init(struct os *os, const char *dir, struct err *err)
{
	char text[MEDIUM_MARKER_SIZE + 1];
	struct err why = ERR_INIT;
	struct os_stat st;
	struct id128 id;
	int r = medium_identify(os, dir, &id, NULL, &why);

	if (r == 0)
		return 1;
	if (r == ERR_ABSENT &&
		(os->ops->stat(os, dir, &st) < 0 || !S_ISDIR(st.mode)))
		return err_set(err, ERR_USAGE,
			"%s: no such directory (mount the medium, or make it)",
			dir);
	if (r != ERR_ABSENT) {
		if (err)
			*err = why;
		return r;
	}
	os->ops->random(os, id.b, sizeof(id.b));
	medium_marker_write(&id, text);
	return medium_write_small(
		os, dir, MEDIUM_MARKER, text, MEDIUM_MARKER_SIZE, err);
}
