#include "strange.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "err.h"

#define DIGITS_MAX 32

static char *dir_of(const char *state_dir, uint64_t peer)
{
	return mem_printf("%s/strange/%016" PRIx64, state_dir, peer);
}

static int write_one(struct os *os, const char *dir, const char *account,
	int64_t told_ms, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, account);
	AUTO_FREE char *text = mem_printf("%" PRId64 "\n", told_ms);

	return file_replace(os, path, text, strlen(text), 0600, err);
}

static size_t count_of(struct os *os, const char *dir)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;

	if (os->ops->list(os, dir, &list) < 0)
		return 0;
	while (os_list_next(&list, &at, &entry))
		count++;
	return count;
}

int strange_note(struct os *os, const char *state_dir, uint64_t peer,
	const char *account, struct err *err)
{
	AUTO_FREE char *top = mem_printf("%s/strange", state_dir);
	AUTO_FREE char *dir = dir_of(state_dir, peer);
	int rc = account_name_check(account, err);

	if (rc >= 0)
		rc = dir_make(os, top, 0700, err);
	if (rc >= 0)
		rc = dir_make(os, dir, 0700, err);
	if (rc < 0 || count_of(os, dir) >= STRANGE_MAX)
		return rc;
	return write_one(os, dir, account, 0, err);
}

int strange_list(struct os *os, const char *state_dir, uint64_t peer,
	struct arena *arena, struct strange **ret, size_t *ret_count,
	struct err *err)
{
	AUTO_FREE char *dir = dir_of(state_dir, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;

	*ret = arena_alloc(arena, (STRANGE_MAX + 1) * sizeof(**ret));
	*ret_count = 0;
	if (os->ops->list(os, dir, &list) < 0)
		return 0; /* none was ever heard of */
	while (count < STRANGE_MAX && os_list_next(&list, &at, &entry)) {
		AUTO_FREE char *path = mem_printf("%s/%s", dir, entry.name);
		AUTO_BUF struct buf text = BUF_INIT;

		if (account_name_check(entry.name, NULL) < 0)
			continue;
		if (file_read(os, path, DIGITS_MAX, &text, err) < 0)
			return err->code;
		int64_t ms = strtoll(buf_str(&text), NULL, 10);
		(*ret)[count++] =
			(struct strange){.account = arena_dup(arena, entry.name,
						 strlen(entry.name)),
				.welcome = ms < 0,
				.told_ms = ms < 0 ? -ms : ms};
	}
	*ret_count = count;
	return 0;
}

int strange_told(struct os *os, const char *state_dir, uint64_t peer,
	const struct strange *s, struct err *err)
{
	AUTO_FREE char *dir = dir_of(state_dir, peer);

	return write_one(os, dir, s->account,
		s->welcome ? -s->told_ms : s->told_ms, err);
}

void strange_forget(struct os *os, const char *state_dir, uint64_t peer,
	const char *account)
{
	AUTO_FREE char *path = mem_printf(
		"%s/strange/%016" PRIx64 "/%s", state_dir, peer, account);

	os->ops->unlink(os, path);
}
