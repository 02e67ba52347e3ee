/*
 * build: a folder made aside, whole, and renamed into place.
 *
 *	<INBOX>/cur/.packetboat/build/<name>/{cur,new,tmp,maildirfolder,…}
 *
 * Dovecot never sees a folder that is being filled: with its uidlist in it
 * from the first moment, it keeps the UIDVALIDITY, UIDs and GUID it is given.
 * A crash leaves the directory aside, which is swept away when the next folder
 * is built. Where the layout is fs and a plain directory of that name holds
 * other folders already, the parts are moved into it, cur/ last: cur/ is what
 * makes it a folder.
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Maildir++ marks every folder but INBOX. */
static int mark_folder(
	struct os *os, const char *dir, mode_t mode, struct err *err)
{
	AUTO_FREE char *path = path_join(dir, "maildirfolder");
	int fd = os->ops->open(
		os, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);

	if (fd < 0)
		return err_set_os(err, -fd, "create %s", path);
	os->ops->fchmod(os, fd, mode);
	os->ops->close(os, fd);
	return 0;
}

static int make_parts(struct maildir *m, const char *dir,
	const struct modes *modes, struct err *err)
{
	static const char *const parts[] = {"", "/cur", "/new", "/tmp"};
	struct os *os = m->store.os;
	int r = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && r == 0; i++) {
		AUTO_FREE char *path = mem_printf("%s%s", dir, parts[i]);

		r = make_dir(os, path, modes->dir, err);
	}
	if (r == 0 && m->layout == MAILDIR_PLUSPLUS)
		r = mark_folder(os, dir, modes->file, err);
	return r;
}

int build_aside(
	struct maildir *m, char **ret, struct modes *ret_modes, struct err *err)
{
	AUTO_FREE char *private = layout_private(m, false);
	AUTO_FREE char *building = path_join(private, "build");
	AUTO_FREE char *name = temp_name(m, true);
	AUTO_FREE char *dir = path_join(building, name);
	int r = modes_of(m->store.os, m->root, ret_modes, err);

	if (r == 0)
		r = dir_make(m->store.os, building, 0700, err);
	if (r < 0)
		return r;
	temp_sweep(m, building);
	r = make_parts(m, dir, ret_modes, err);
	if (r < 0) {
		dir_remove(m->store.os, dir, NULL);
		return r;
	}
	*ret = dir;
	dir = NULL;
	return 0;
}

int build_place(struct maildir *m, const struct folder *f, const char *aside,
	struct err *err)
{
	AUTO_FREE char *cur = path_join(f->dir, "cur");

	if (is_directory(m->store.os, cur))
		return err_set(
			err, ERR_CONFLICT, "folder %s is there", f->path);
	return place_folder(m, aside, f->dir, err);
}
