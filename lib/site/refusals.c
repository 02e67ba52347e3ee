#include "refusals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "mem.h"
#include "plain.h"

#define HEAD "packetboat refusals 1\n"
#define FILE_MAX ((size_t)REFUSALS_MAX * 512)
#define LOCK_WAIT_MS 2000

/* ---- kinds ---- */

static const char *kind_of(const struct err *err)
{
	switch (err->code) {
	case ERR_AUTH:
		return "not proven to be from whom it says";
	case ERR_CORRUPT:
		return "damaged";
	case ERR_TORN:
		return "cut off";
	case ERR_LIMIT:
		return "over a limit";
	case ERR_BUSY:
		return "too many at a time";
	case ERR_ABSENT:
		return "did not say who it is";
	default:
		return "not to be taken";
	}
}

bool refusals_counts(const struct err *err)
{
	return err->code == ERR_AUTH || err->code == ERR_CORRUPT ||
	       err->code == ERR_TORN || err->code == ERR_LIMIT;
}

/* ---- in memory ---- */

/* One line of plain text, whatever an error quotes. */
static void set_text(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(to, text, len);
	to[len] = '\0';
	plain_line(to);
}

/* Where one of these is, or has to be. */
static struct refusal *place_of(struct refusals *r, const struct refusal *new)
{
	struct refusal *oldest = &r->items[0];

	for (size_t i = 0; i < r->count; i++) {
		struct refusal *at = &r->items[i];

		if (!strcmp(at->who, new->who) && !strcmp(at->why, new->why))
			return at;
		if (at->last_ms < oldest->last_ms)
			oldest = at;
	}
	if (r->count < REFUSALS_MAX)
		oldest = &r->items[r->count++];
	*oldest = (struct refusal){0};
	return oldest;
}

static void merge(struct refusals *r, const struct refusal *new)
{
	struct refusal *at = place_of(r, new);
	struct refusal was = *at;

	*at = *new;
	if (!was.count)
		return;
	at->count += was.count;
	if (was.first_ms < at->first_ms)
		at->first_ms = was.first_ms;
	if (was.last_ms > at->last_ms) {
		at->last_ms = was.last_ms;
		memcpy(at->words, was.words, sizeof(was.words));
	}
}

void refusals_add(struct refusals *r, const char *who, const struct err *err,
	int64_t now_ms)
{
	struct refusal new = {
		.first_ms = now_ms, .last_ms = now_ms, .count = 1};

	set_text(new.who, sizeof(new.who), who);
	set_text(new.why, sizeof(new.why), kind_of(err));
	set_text(new.words, sizeof(new.words), err->text);
	merge(r, &new);
}

/* ---- the file ---- */

static char *path_of(const char *state_dir, const char *end)
{
	return mem_printf("%s/refusals%s", state_dir, end);
}

static bool take_number(char **at, int64_t *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*ret = strtoll(*at, &end, 10);
	if (errno || *end != '\t')
		return false;
	*at = end + 1;
	return true;
}

static bool take_text(char **at, char *to, size_t size)
{
	char *word = strsep(at, "\t");

	if (!word || strlen(word) >= size)
		return false;
	set_text(to, size, word);
	return true;
}

static bool parse_line(char *line, struct refusal *ret)
{
	int64_t count;

	*ret = (struct refusal){0};
	if (!take_number(&line, &ret->first_ms) ||
		!take_number(&line, &ret->last_ms) ||
		!take_number(&line, &count) || !count)
		return false;
	ret->count = (uint64_t)count;
	return take_text(&line, ret->who, sizeof(ret->who)) &&
	       take_text(&line, ret->why, sizeof(ret->why)) &&
	       take_text(&line, ret->words, sizeof(ret->words)) && !line;
}

int refusals_get(struct os *os, const char *state_dir, struct refusals *ret,
	struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, "");
	AUTO_BUF struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	struct refusal one;
	int rc = file_read(os, path, FILE_MAX, &text, &why);

	*ret = (struct refusals){.count = 0};
	if (rc == ERR_IO) {
		if (err)
			*err = why;
		return rc;
	}
	if (rc < 0 || text.len < strlen(HEAD) ||
		memcmp(text.data, HEAD, strlen(HEAD)) != 0 ||
		memchr(text.data, 0, text.len))
		return 0;
	AUTO_FREE char *whole = mem_dup_n((const char *)text.data, text.len);
	char *at = whole + strlen(HEAD);
	for (char *line; (line = strsep(&at, "\n")) && at;)
		if (parse_line(line, &one))
			merge(ret, &one);
	return 0;
}

static void print(const struct refusals *r, int64_t now_ms, struct buf *ret)
{
	buf_add_str(ret, HEAD);
	for (size_t i = 0; i < r->count; i++) {
		const struct refusal *at = &r->items[i];

		if (now_ms - at->last_ms < REFUSALS_KEEP_MS)
			buf_printf(ret,
				"%" PRId64 "\t%" PRId64 "\t%" PRIu64
				"\t%s\t%s\t%s\n",
				at->first_ms, at->last_ms, at->count, at->who,
				at->why, at->words);
	}
}

int refusals_save(struct os *os, const char *state_dir, struct refusals *r,
	struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, "");
	AUTO_FREE char *lock = path_of(state_dir, ".lock");
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_FREE struct refusals *all = mem_alloc(sizeof(*all));
	int fd;

	if (!r->count)
		return 0;
	int rc = file_lock(os, lock, 0600, LOCK_WAIT_MS, &fd, err);
	if (rc < 0)
		return rc;
	rc = refusals_get(os, state_dir, all, err);
	if (rc >= 0) {
		for (size_t i = 0; i < r->count; i++)
			merge(all, &r->items[i]);
		print(all, os->ops->wall_ns(os) / 1000000, &text);
		rc = file_replace(os, path, text.data, text.len, 0600, err);
	}
	os->ops->close(os, fd);
	if (rc >= 0)
		r->count = 0;
	return rc < 0 ? rc : 0;
}
