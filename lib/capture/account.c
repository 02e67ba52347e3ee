#include "account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

int account_name_check(const char *name, struct err *err)
{
	if (!*name || *name == '.' || strlen(name) > 255 || strchr(name, '/'))
		return err_set(err, ERR_USAGE,
			"account \"%s\": a name must be one to 255 bytes, "
			"without '/' and not beginning with '.'",
			name);
	return 0;
}

/*
 * A state that a crash left empty while it was made: nothing was committed in
 * it, so no log was ever begun. With logs it is a state that was cut.
 */
static bool never_made(const struct account *a, const char *path)
{
	struct os_stat st;

	return a->os->ops->lstat(a->os, path, &st) == 0 && st.size == 0 &&
	       a->os->ops->lstat(a->os, a->log_dir, &st) == -ENOENT;
}

int account_open(struct account *a, struct os *os, const char *state_dir,
	const char *name, uint64_t origin, bool create, struct err *err)
{
	*a = (struct account){.os = os, .lock_fd = -1};
	int rc = account_name_check(name, err);
	if (rc < 0)
		return rc;
	a->name = mem_dup(name);
	a->dir = mem_printf("%s/accounts/%s", state_dir, name);
	a->log_dir = mem_printf("%s/log/%s", state_dir, name);
	AUTO_FREE char *path = mem_printf("%s/state.db", a->dir);
	/* A state that is there made its directory durable. */
	struct os_stat st;
	if (create && os->ops->lstat(os, path, &st) < 0)
		rc = dir_make(os, a->dir, 0700, err);
	if (rc >= 0)
		rc = replica_open(
			os, path, name, origin, create, &a->replica, err);
	if (rc == ERR_CORRUPT && !create && never_made(a, path))
		rc = err_set(err, ERR_ABSENT, "%s: empty", path);
	if (rc < 0) {
		account_close(a);
		return err_wrap(err, "account %s", name);
	}
	return rc;
}

void account_close(struct account *a)
{
	replica_close(a->replica);
	a->replica = NULL;
	account_unlock(a);
	free(a->name);
	free(a->dir);
	free(a->log_dir);
	a->name = a->dir = a->log_dir = NULL;
}

int account_lock(struct account *a, int64_t wait_ms, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/lock", a->dir);
	int rc = file_lock(a->os, path, 0600, wait_ms, &a->lock_fd, err);

	return rc == ERR_BUSY
		       ? err_set(err, ERR_BUSY,
				 "account %s: another run is at work on it",
				 a->name)
		       : rc;
}

void account_unlock(struct account *a)
{
	if (a->lock_fd >= 0)
		a->os->ops->close(a->os, a->lock_fd);
	a->lock_fd = -1;
}

static bool is_there(struct os *os, const char *path)
{
	struct os_stat st;

	return os->ops->lstat(os, path, &st) == 0;
}

/* What is removed last names the account: so nothing is left unnoticed. */
static int remove_all(struct account *a, const char *state_dir, struct err *err)
{
	AUTO_FREE char *accounts = mem_printf("%s/accounts", state_dir);
	AUTO_FREE char *logs = mem_printf("%s/log", state_dir);
	int rc = dir_remove(a->os, a->log_dir, err);

	if (rc >= 0 && is_there(a->os, logs))
		rc = dir_sync(a->os, logs, err);
	if (rc >= 0)
		rc = dir_remove(a->os, a->dir, err);
	return rc < 0 ? rc : dir_sync(a->os, accounts, err);
}

int account_drop(struct os *os, const char *state_dir, const char *name,
	int64_t wait_ms, struct err *err)
{
	struct account a = {.os = os, .lock_fd = -1};
	int rc = account_name_check(name, err);

	if (rc < 0)
		return rc;
	a.name = mem_dup(name);
	a.dir = mem_printf("%s/accounts/%s", state_dir, name);
	a.log_dir = mem_printf("%s/log/%s", state_dir, name);
	if (!is_there(os, a.dir) && !is_there(os, a.log_dir))
		rc = 1;
	/* The lock wants a directory. */
	if (rc == 0)
		rc = dir_make(os, a.dir, 0700, err);
	if (rc == 0)
		rc = account_lock(&a, wait_ms, err);
	if (rc == 0)
		rc = remove_all(&a, state_dir, err);
	account_close(&a);
	return rc;
}
