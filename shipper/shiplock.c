#include "shiplock.h"

#include <errno.h>
#include <fcntl.h>

#include "err.h"
#include "mem.h"
#include "os.h"

#define RETRY_NS 20000000

int shiplock_take(struct os *os, const char *state, int64_t wait_ms,
	int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/ship.lock", state);
	int fd = os->ops->open(os, path, O_RDWR | O_CREAT, 0640);
	int rc;

	if (fd < 0)
		return err_set_os(err, -fd, "%s", path);
	int64_t until = os->ops->mono_ns(os) + wait_ms * 1000000;
	while ((rc = os->ops->lock(os, fd, OS_LOCK_WRITE, 0, 0)) == -EAGAIN &&
		os->ops->mono_ns(os) < until)
		os->ops->sleep_ns(os, RETRY_NS);
	if (rc >= 0) {
		*ret_fd = fd;
		return 0;
	}
	os->ops->close(os, fd);
	return rc == -EAGAIN ? err_set(err, ERR_BUSY,
				       "another shipper is at work (nothing "
				       "is lost: it does the same)")
			     : err_set_os(err, -rc, "%s", path);
}
