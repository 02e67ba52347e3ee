#include "worth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "hash.h"

#define FILE_MAX 256u
#define SINCE_MOST_MS (INT64_C(1) << 50) /* no clock gets there */

/* ---- rules ---- */

bool worth_weighed(struct worth *w, uint64_t bytes, int64_t now_ms)
{
	struct worth before = *w;

	if (!w->since_ms)
		return false;
	if (w->since_ms > now_ms || (bytes && !w->waits))
		w->since_ms = now_ms;
	w->waits = bytes != 0;
	if (bytes < w->left)
		w->left = bytes;
	return w->since_ms != before.since_ms || w->waits != before.waits ||
	       w->left != before.left;
}

void worth_called(struct worth *w, uint64_t bytes, int64_t now_ms)
{
	*w = (struct worth){now_ms, bytes, bytes != 0};
}

bool worth_is_due(const struct worth *w, const struct config_link *link,
	uint64_t bytes, int64_t now_ms)
{
	uint64_t left = w->left < bytes ? w->left : bytes;

	return !w->since_ms || bytes - left >= link->worth ||
	       (link->wait_ms >= 0 && now_ms - w->since_ms >= link->wait_ms);
}

int64_t worth_by(
	const struct worth *w, const struct config_link *link, int64_t now_ms)
{
	int64_t since = w->since_ms < now_ms ? w->since_ms : now_ms;
	int64_t at = since + link->wait_ms;

	if (since && link->wait_ms < 0)
		return -1;
	if (!since || at < now_ms)
		at = now_ms;
	if (windows_open(link->windows, link->window_count, at / 1000))
		return at;
	at = windows_next(link->windows, link->window_count, at / 1000);
	return at < 0 ? -1 : at * 1000;
}

/* ---- the file ---- */

static char *dir_of(const char *state_dir)
{
	return mem_printf("%s/worth", state_dir);
}

static char *path_of(
	const char *state_dir, uint64_t peer, const struct config_link *link)
{
	AUTO_FREE char *dir = dir_of(state_dir);

	return mem_printf("%s/%016" PRIx64 "-%s", dir, peer, link->name);
}

static void print(const struct worth *w, struct buf *ret)
{
	buf_printf(ret, "since %" PRId64 "\nleft %" PRIu64 "\nwaits %d\n",
		w->since_ms, w->left, w->waits);
	buf_printf(ret, "sum %016" PRIx64 "\n",
		hash_check(ret->data, ret->len, 0));
}

/* Only what print makes of it is it. */
static bool parse(const struct buf *text, struct worth *ret)
{
	AUTO_BUF struct buf again = BUF_INIT;
	AUTO_FREE char *line = mem_dup_n((const char *)text->data, text->len);
	int waits;

	if (sscanf(line, "since %" SCNd64 " left %" SCNu64 " waits %d",
		    &ret->since_ms, &ret->left, &waits) != 3)
		return false;
	ret->waits = waits != 0;
	print(ret, &again);
	return ret->since_ms > 0 && ret->since_ms < SINCE_MOST_MS &&
	       again.len == text->len &&
	       memcmp(again.data, text->data, text->len) == 0;
}

int worth_load(struct os *os, const char *state_dir, uint64_t peer,
	const struct config_link *link, struct worth *ret, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, peer, link);
	AUTO_BUF struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int rc = file_read(os, path, FILE_MAX, &text, &why);

	*ret = (struct worth){0};
	if (rc < 0 && rc != ERR_ABSENT && rc != ERR_LIMIT) {
		*err = why;
		return rc;
	}
	if (rc < 0 || !parse(&text, ret))
		*ret = (struct worth){0};
	return 0;
}

int worth_save(struct os *os, const char *state_dir, uint64_t peer,
	const struct config_link *link, const struct worth *w, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, peer, link);
	AUTO_FREE char *dir = dir_of(state_dir);
	AUTO_BUF struct buf text = BUF_INIT;
	int rc = dir_make(os, dir, 0700, err);

	print(w, &text);
	return rc < 0 ? rc
		      : file_replace(os, path, text.data, text.len, 0600, err);
}
