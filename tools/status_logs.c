#include "status_logs.h"

#include <stdlib.h>

#include "err.h"
#include "logspace.h"
#include "retention.h"

int status_logs_add(struct account *a, struct logs_view *view, struct err *err)
{
	struct retention_file *list = NULL;
	size_t count = 0;
	int64_t cut = 0;
	int rc = retention_files(a, &list, &count, err);

	for (size_t i = 0; i < count; i++)
		view->removable += list[i].room;
	free(list);
	if (rc >= 0)
		rc = replica_meta_get(a->replica, LOGSPACE_CUT_MS, &cut, err);
	if (cut > view->cut_ms)
		view->cut_ms = cut;
	return rc < 0 ? rc : 0;
}

/* A writer may have removed it in this moment: then the state says so now. */
static int is_missing(
	struct account *a, const struct replica_log *log, struct err *err)
{
	struct replica_log now;
	int rc = retention_reaches(a, log, log->known.lsn, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = replica_log_get(a->replica, &log->known.log, false, &now, err);
	return rc < 0 ? rc : now.file_lsn == log->file_lsn;
}

static int tell(struct account *a, const struct replica_log *log,
	void (*fn)(void *arg, const char *account, const char *folder),
	void *arg, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f = {.path = "folders and subscriptions"};
	int rc = id_is_account(&log->known.log.folder)
			 ? 0
			 : replica_folder_by_fid(a->replica,
				   &log->known.log.folder, &arena, &f, err);

	if (rc == 0)
		fn(arg, a->name, f.path);
	return rc < 0 ? rc : 0;
}

int status_logs_missing(struct account *a,
	void (*fn)(void *arg, const char *account, const char *folder),
	void *arg, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count = 0;
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		if (logs[i].known.log.origin != replica_origin(a->replica) ||
			!logs[i].file_lsn)
			continue;
		rc = is_missing(a, &logs[i], err);
		if (rc > 0)
			rc = tell(a, &logs[i], fn, arg, err);
	}
	return rc < 0 ? rc : 0;
}
