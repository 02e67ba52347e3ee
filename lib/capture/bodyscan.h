/*
 * bodyscan: one folder of a checksum scan: every message's file against what
 * was placed, and the state's sums against its registers.
 *
 * A file is right if it has the size and the date that the state knows; a deep
 * scan reads it, too, and compares its hash. What is not right is damage
 * (lib/replica/damage.h): it is recorded, and nothing is logged. What was
 * damaged and is right again is cleared.
 *
 * Neither the account lock nor the server's is held while files are looked at;
 * the account lock is taken for a moment to look once more before anything is
 * recorded. So a scan may take days beside a working server. Where it stands
 * is kept in the state after every few messages: killed, or stopped, it goes
 * on there. A file that is gone is left to capture, which has to have looked
 * at the folder before.
 */
#ifndef PB_BODYSCAN_H
#define PB_BODYSCAN_H

#include "account.h"
#include "damage.h"
#include "store.h"

struct err;

struct bodyscan_config {
	bool deep;
	/* Bytes a second, 4 KiB more for each file; 0: as fast as it goes. */
	uint64_t rate;
	/* Asked often: is there no more time? */
	bool (*stop)(void *arg);
	/* May be NULL: messages done, in runs before, too, of how many. */
	void (*progress)(void *arg, const char *path, uint64_t done,
		uint64_t total);
	/* A message was found damaged, or (DAMAGE_NONE) whole again. */
	void (*found)(void *arg, const char *path,
		const struct replica_message *m, enum damage damage);
	void *arg;
};

/* Added to, so that it may be of many folders. */
struct bodyscan_result {
	uint64_t messages, bytes; /* looked at; read */
	uint64_t damaged, whole;  /* newly found; found whole again */
	uint64_t miscounted;      /* folders whose sums were wrong */
};

/*
 * Scan a folder (its row) from where the last scan of it stopped. The account
 * is open and not locked.
 * Returns 0; 1 if it was stopped before the end.
 * Errors: ERR_BUSY: the account's lock was not had, what was done is kept;
 * ERR_IO …
 */
int bodyscan_folder(struct account *a, struct store *store, int64_t folder,
	const struct bodyscan_config *config, struct bodyscan_result *ret,
	struct err *err);

/*
 * Look at one message's file. Returns 0, what is wrong with it, and its ctime
 * (0: it is not there).
 */
int bodyscan_judge(struct store *store, const char *path,
	const struct replica_message *m, bool deep,
	int (*step)(void *arg, size_t len), void *arg, enum damage *ret,
	int64_t *ret_ctime_ns, struct err *err);

#endif
