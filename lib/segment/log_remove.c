/*
 * log_remove: files of a log that are no longer wanted, or never were.
 *
 *   A  |..|..|..|   sealed: nobody but its name knows of it
 *   B  |..|..|      the last one: the recorded durable end lies in it
 *   C  |..|~~~      begun behind the durable end by a run that was cut off
 *
 * 1. Sealed files go oldest first, each durably before the next: so what a
 *    crash leaves has no hole, and reads as a truncated log.
 * 2. The last file goes only after an end without a file was recorded, and
 *    made durable: the other way round a crash would leave an end in a file
 *    that is missing, which is what damage looks like. In between all of the
 *    log lies behind the recorded end: the next removal takes it, or the next
 *    opening to append.
 */
#include "segment_private.h"
#include "err.h"

#include <errno.h>
#include <stdlib.h>

int log_segments(struct os *os, const char *dir, uint64_t incarnation,
	const struct log_end *end, struct log_segment **ret, size_t *ret_count,
	struct err *err)
{
	AUTO_FREE uint64_t *files = NULL;
	struct log_segment *list;
	size_t count, n = 0;
	int r;

	r = log_files(os, dir, incarnation, end->file_lsn, &files, &count, err);
	if (r < 0)
		return r;
	list = mem_array(count + 1, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *path =
			log_file_path(dir, incarnation, files[i]);
		struct os_stat st;

		r = os->ops->lstat(os, path, &st);
		if (r == -ENOENT)
			continue;
		if (r < 0) {
			free(list);
			return err_set_os(err, -r, "stat %s", path);
		}
		list[n++] = (struct log_segment){.first_lsn = files[i],
			.last_lsn = i + 1 < count ? files[i + 1] - 1 : end->lsn,
			.size = st.size,
			.changed_ms = st.mtime_ns / 1000000,
			.last = files[i] == end->file_lsn};
	}
	*ret = list;
	*ret_count = n;
	return 0;
}

int log_remove_before(struct os *os, const char *dir, uint64_t incarnation,
	const struct log_end *end, uint64_t lsn, struct err *err)
{
	AUTO_FREE uint64_t *files = NULL;
	size_t count;
	int r;

	r = log_files(os, dir, incarnation, end->file_lsn, &files, &count, err);
	for (size_t i = 0; r == 0 && i + 1 < count; i++) {
		AUTO_FREE char *path =
			log_file_path(dir, incarnation, files[i]);

		if (files[i + 1] > lsn)
			break;
		r = os->ops->unlink(os, path);
		if (r < 0 && r != -ENOENT)
			return err_set_os(err, -r, "remove %s", path);
		r = dir_sync(os, dir, err);
	}
	return r;
}

static bool is_beyond(const char *name, uint64_t incarnation, uint64_t file_lsn)
{
	struct log_file file;

	if (!log_file_parse(name, &file))
		return false;
	if (file.temporary)
		return true;
	return file.incarnation == incarnation && file.first_lsn > file_lsn;
}

/*
 * Durably, because of a file that came back: begun at lsn 100 in a run that
 * was cut back to 90, it would lie between those of 1 and 200 one day.
 */
int log_remove_beyond(struct os *os, const char *dir, uint64_t incarnation,
	uint64_t file_lsn, struct err *err)
{
	AUTO_BUF struct buf names = BUF_INIT;
	bool removed = false;
	const char *name;
	size_t at = 0;
	int r;

	r = log_dir_list(os, dir, &names, err);
	if (r < 0)
		return r;
	while ((name = log_dir_next(&names, &at))) {
		AUTO_FREE char *path = NULL;

		if (!is_beyond(name, incarnation, file_lsn))
			continue;
		path = mem_printf("%s/%s", dir, name);
		r = os->ops->unlink(os, path);
		if (r < 0 && r != -ENOENT)
			return err_set_os(err, -r, "remove %s", path);
		removed = true;
	}
	return removed ? dir_sync(os, dir, err) : 0;
}

int log_remove_behind(struct os *os, const char *dir, uint64_t incarnation,
	const struct log_end *end, struct err *err)
{
	int r = log_remove_beyond(os, dir, incarnation, end->file_lsn, err);

	if (r < 0)
		return r;
	r = os->ops->rmdir(os, dir);
	if (r < 0 && r != -ENOTEMPTY && r != -EEXIST && r != -ENOENT)
		return err_set_os(err, -r, "remove %s", dir);
	return 0;
}
