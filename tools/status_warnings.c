#include "status_warnings.h"

#include <string.h>
#include <time.h>

#include "err.h"
#include "report.h"

#define YEAR_LEAST 2025 /* a clock before is wrong: this was written then */
#define YEAR_MOST 2100

struct inbox_view status_inbox(const struct site *s, const char *peer)
{
	AUTO_FREE char *dir = mem_printf("%s/%s", s->inbox_dir, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct inbox_view view = {0};
	struct os_entry entry;
	size_t at = 0;

	if (s->os->ops->list(s->os, dir, &list) < 0)
		return view; /* nothing was ever collected */
	while (os_list_next(&list, &at, &entry)) {
		const char *end = strchr(entry.name, '.');

		view.early += end && strcmp(end, ".parcel.early") == 0;
		view.kept += end && strcmp(end, ".parcel.kept") == 0;
	}
	return view;
}

int status_wrong_year(int64_t now_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&now, &tm))
		return YEAR_MOST + 1;
	int year = tm.tm_year + 1900;
	return year < YEAR_LEAST || year > YEAR_MOST ? year : 0;
}

/* The last that this site stated, in any of its logs. */
static int last_of_ours(struct account *a, int64_t *ret_ms, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count = 0;
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (logs[i].known.log.origin == replica_origin(a->replica) &&
			logs[i].stated_ms > *ret_ms)
			*ret_ms = logs[i].stated_ms;
	return rc < 0 ? rc : 0;
}

int status_ahead(struct account *a, uint64_t peer, int64_t now_ms,
	uint64_t *ret_s, struct err *err)
{
	AUTO_FREE char *key = replica_peer_key("ahead", peer);
	int64_t last = 0;
	int rc = peer ? replica_meta_get(a->replica, key, &last, err)
		      : last_of_ours(a, &last, err);

	*ret_s = 0;
	if (rc >= 0 && last - now_ms > CLOCK_AHEAD_MS)
		*ret_s = (uint64_t)(last - now_ms) / 1000;
	return rc < 0 ? rc : 0;
}
