/*
 * index: Dovecot's index of a folder, when it has to go.
 *
 * The index holds the UIDVALIDITY too, and Dovecot complains when the uidlist
 * has another. It can be removed, but never while somebody works in the
 * folder. Whether anybody has it open a write lease on dovecot.index.log
 * tells; while it is held, who comes waits. Where it is refused the index
 * stays: sessions are told to log in again, and nothing is lost either way.
 * A crash in between leaves no index, which Dovecot makes anew.
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>

static void remove_files(struct os *os, const char *dir)
{
	/* The log last: whoever waits for the lease sees the others gone. */
	static const char *const files[] = {"dovecot.index",
		"dovecot.index.log.2", "dovecot.index.cache",
		"dovecot.index.log"};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		AUTO_FREE char *path = path_join(dir, files[i]);

		os->ops->unlink(os, path);
	}
}

int index_forget(struct maildir *m, const struct folder *f)
{
	AUTO_FREE char *log = path_join(f->index, "dovecot.index.log");
	struct os *os = m->store.os;
	int fd = os->ops->open(os, log, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd == -ENOENT) {
		remove_files(os, f->index);
		return -1;
	}
	if (fd < 0)
		return -1;
	if (os->ops->lease(os, fd, true) < 0) {
		os->ops->close(os, fd);
		return -1;
	}
	remove_files(os, f->index);
	return fd;
}

void index_let_go(struct maildir *m, int lease)
{
	struct os *os = m->store.os;

	if (lease >= 0) {
		os->ops->lease(os, lease, false);
		os->ops->close(os, lease);
	}
}
