/*
 * work: a note that a process is changing this store, so that what a crash
 * leaves is looked for only after one.
 *
 *	<INBOX>/cur/.packetboat/1795303760.M897062P14561Q7.host,packetboat
 *	<INBOX>/cur/.packetboat/swept
 *
 * The note is made before a store's first temporary file or lock, and removed
 * when the store is closed, unless something could not be removed. Who opens a
 * store and finds one of a dead process (temp.c) sweeps every folder: our
 * temporary files, and locks whose process is dead. The notes go last, so that
 * a sweep that is cut short is repeated; what a living process has is left
 * alone, and several may sweep at once.
 *
 * A note is not fsynced. So whoever opens a store first after the machine was
 * started looks into every folder for a lock that is older, be it the server's
 * (whose users wait for it up to two minutes), and then makes the file `swept`
 * anew, whose time tells that it was done. What else a power cut leaves without
 * a note is swept where work goes on.
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

int work_begin(struct maildir *m, struct err *err)
{
	struct os *os = m->store.os;
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *dir = NULL;
	char *path;
	int r;

	if (m->note)
		return 0;
	dir = layout_private(m, false);
	name = temp_name(m, true);
	r = dir_make(os, dir, 0700, err);
	if (r < 0)
		return r;
	path = path_join(dir, name);
	r = os->ops->open(
		os, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (r < 0) {
		r = err_set_os(err, -r, "create %s", path);
		free(path);
		return r;
	}
	os->ops->close(os, r);
	m->note = path;
	return 0;
}

int work_remove(struct maildir *m, const char *path)
{
	int r = m->store.os->ops->unlink(m->store.os, path);

	if (r >= 0 || r == -ENOENT)
		return 0;
	m->littered = true;
	return r;
}

void work_end(struct maildir *m)
{
	if (m->note && !m->littered)
		m->store.os->ops->unlink(m->store.os, m->note);
	free(m->note);
	m->note = NULL;
}

static bool somebody_died(struct maildir *m, const char *dir)
{
	struct os *os = m->store.os;
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;

	if (os->ops->list(os, dir, &names) < 0)
		return false;
	while (os_list_next(&names, &at, &e)) {
		if (temp_is_stray(m, e.name))
			return true;
	}
	return false;
}

static void sweep_part(
	struct maildir *m, const struct folder *f, const char *name)
{
	AUTO_FREE char *dir = path_join(f->dir, name);

	temp_sweep(m, dir);
}

/* Returns false if something has to wait. */
static bool sweep_folder(struct maildir *m, const char *path)
{
	AUTO_FOLDER struct folder f = {0};

	if (folder_init(m, path, &f, NULL) < 0)
		return true;
	if (!lock_sweep(m, &f))
		return false;
	sweep_part(m, &f, "tmp");
	sweep_part(m, &f, "cur"); /* what wakes sessions */
	if (m->control)
		temp_sweep(m, f.control);
	return true;
}

static bool sweep_lock(struct maildir *m, const char *path)
{
	AUTO_FOLDER struct folder f = {0};

	return folder_init(m, path, &f, NULL) < 0 || lock_sweep(m, &f);
}

/* Was the machine started since the locks were looked through? */
static bool started_since(struct maildir *m, const char *dir, const char *swept)
{
	struct os *os = m->store.os;
	struct os_stat st;

	if (os->ops->lstat(os, swept, &st) < 0)
		return is_directory(os, dir);
	return file_outlived(os, &st);
}

/* By a new file: nobody can set its time back. */
static void note_swept(struct maildir *m, const char *swept)
{
	struct os *os = m->store.os;
	int fd;

	os->ops->unlink(os, swept);
	fd = os->ops->open(
		os, swept, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd >= 0)
		os->ops->close(os, fd);
}

void work_sweep(struct maildir *m)
{
	AUTO_FREE char *private = layout_private(m, false);
	AUTO_FREE char *swept = path_join(private, "swept");
	bool died = somebody_died(m, private);
	bool started = started_since(m, private, swept);
	struct store_list list;
	bool done = true;

	if ((!died && !started) || list_read(m, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list.folder_count; i++) {
		const char *path = list.folders[i].path;

		done &= died ? sweep_folder(m, path) : sweep_lock(m, path);
	}
	store_list_free(&list);
	if (!subscribe_sweep(m) || !done)
		return;
	if (died)
		temp_sweep(m, private);
	if (started)
		note_swept(m, swept);
}
