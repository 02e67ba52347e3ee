#include "spending.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "hash.h"

#define FILE_SIZE_MAX 4096u
#define AHEAD_PART 16
#define AHEAD_LEAST 4096u
#define AHEAD_MOST (1u << 20)

static int64_t now_s(struct os *os)
{
	return os->ops->wall_ns(os) / 1000000000;
}

/* ---- the file ---- */

static void write_sums(
	struct buf *b, const char *name, const struct budget_sum *sums)
{
	for (int i = 0; i < BUDGET_KEPT; i++)
		if (sums[i].label)
			buf_printf(b, "%s %" PRIu32 " %" PRIu64 "\n", name,
				sums[i].label, sums[i].bytes);
}

static int write_file(const struct spending *s,
	const struct budget_spent *spent, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT;
	int rc = dir_make(s->os, s->dir, 0700, err);

	write_sums(&b, "day", spent->days);
	write_sums(&b, "month", spent->months);
	buf_printf(&b, "sum %016" PRIx64 "\n", hash_check(b.data, b.len, 0));
	return rc < 0 ? rc
		      : file_replace(s->os, s->path, b.data, b.len, 0600, err);
}

/* A number and the byte behind it. */
static bool take(const char **at, uint64_t most, char end, uint64_t *ret)
{
	char *stop;

	if (**at < '0' || **at > '9')
		return false;
	*ret = strtoull(*at, &stop, 10);
	if (*stop != end || *ret > most)
		return false;
	*at = stop + 1;
	return true;
}

static bool take_name(const char **at, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(*at, name, len) != 0 || (*at)[len] != ' ')
		return false;
	*at += len + 1;
	return true;
}

static bool take_sums(
	const char **at, const char *name, struct budget_sum *sums)
{
	for (int i = 0; take_name(at, name); i++) {
		uint64_t label;

		if (i == BUDGET_KEPT || !take(at, UINT32_MAX, ' ', &label) ||
			!take(at, UINT64_MAX, '\n', &sums[i].bytes))
			return false;
		sums[i].label = (uint32_t)label;
	}
	return true;
}

static bool parse(const char *text, struct budget_spent *ret)
{
	const char *at = text;
	char sum[32];

	if (!take_sums(&at, "day", ret->days) ||
		!take_sums(&at, "month", ret->months))
		return false;
	snprintf(sum, sizeof(sum), "sum %016" PRIx64 "\n",
		hash_check(text, (size_t)(at - text), 0));
	return strcmp(at, sum) == 0;
}

static int read_file(struct spending *s, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int rc = file_read(s->os, s->path, FILE_SIZE_MAX, &text, &why);

	if (rc == ERR_ABSENT)
		return 0; /* nothing was spent yet */
	if (rc < 0 && rc != ERR_LIMIT) {
		*err = why;
		return rc;
	}
	if (rc == ERR_LIMIT || !parse(buf_str(&text), &s->spent))
		return err_set(err, ERR_CORRUPT,
			"%s: does not say what was spent of the budget (it is "
			"damaged: remove it to begin with nothing spent)",
			s->path);
	return 0;
}

static int load(struct spending *s, struct os *os, const char *state_dir,
	uint64_t peer, const struct config_link *link, struct err *err)
{
	*s = (struct spending){.os = os, .budget = link->budget};
	if (!budget_any(&s->budget))
		return 0;
	s->dir = mem_printf("%s/spent", state_dir);
	s->path = mem_printf("%s/%016" PRIx64 "-%s", s->dir, peer, link->name);
	return read_file(s, err);
}

static void unload(struct spending *s)
{
	free(s->dir);
	free(s->path);
	*s = (struct spending){0};
}

/* ---- spending ---- */

int spending_open(struct spending *s, struct os *os, const char *state_dir,
	uint64_t peer, const struct config_link *link, struct err *err)
{
	int rc = load(s, os, state_dir, peer, link, err);

	if (rc < 0)
		unload(s);
	return rc;
}

uint64_t spending_left(const struct spending *s)
{
	return budget_any(&s->budget)
		       ? budget_left(&s->spent, &s->budget, now_s(s->os), NULL)
		       : UINT64_MAX;
}

int spending_reserve(struct spending *s, uint64_t bytes, struct err *err)
{
	if (!s->path || bytes <= s->ahead)
		return 0;
	uint64_t ahead = spending_left(s) / AHEAD_PART;
	struct budget_spent then = s->spent;

	if (ahead < AHEAD_LEAST)
		ahead = AHEAD_LEAST;
	if (ahead > AHEAD_MOST)
		ahead = AHEAD_MOST;
	ahead += bytes;
	budget_spend(&then, &s->budget, ahead, now_s(s->os));
	int rc = write_file(s, &then, err);
	if (rc >= 0)
		s->ahead = ahead;
	return rc;
}

int spending_add(struct spending *s, uint64_t bytes, struct err *err)
{
	if (!s->path || !bytes)
		return 0;
	int rc = spending_reserve(s, bytes, err);

	budget_spend(&s->spent, &s->budget, bytes, now_s(s->os));
	s->ahead -= bytes < s->ahead ? bytes : s->ahead;
	return rc;
}

int spending_close(struct spending *s, struct err *err)
{
	int rc = s->ahead ? write_file(s, &s->spent, err) : 0;

	unload(s);
	return rc;
}

int spending_look(struct os *os, const char *state_dir, uint64_t peer,
	const struct config_link *link, struct spending_view *ret,
	struct err *err)
{
	struct spending s;
	int rc = load(&s, os, state_dir, peer, link, err);
	int64_t now = now_s(os);

	*ret = (struct spending_view){.left = UINT64_MAX};
	if (rc >= 0 && budget_any(&s.budget)) {
		ret->left = budget_left(&s.spent, &s.budget, now, &ret->span);
		ret->used_up = ret->left <= budget_spare(&s.budget);
		ret->until_s = budget_until(&s.budget, ret->span, now);
	}
	ret->spent = s.spent;
	unload(&s);
	return rc;
}
