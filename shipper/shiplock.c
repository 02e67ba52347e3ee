#include "shiplock.h"

#include "err.h"
#include "mem.h"
#include "os.h"

int shiplock_take(struct os *os, const char *state, enum shiplock which,
	int64_t wait_ms, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s.lock", state,
		which == SHIPLOCK_VISITS ? "visits" : "ship");
	int rc = file_lock(os, path, 0640, wait_ms, ret_fd, err);

	return rc == ERR_BUSY ? err_set(err, ERR_BUSY,
					"another shipper is at work (nothing "
					"is lost: it does the same)")
			      : rc;
}
