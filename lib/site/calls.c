#include "calls.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "hash.h"
#include "mem.h"
#include "plain.h"
#include "site.h"

#define FILE_MAX 2048
#define HEAD "packetboat call 1\n"
#define LOCK_WAIT_MS 2000
#define SPEED_LEAST 4096 /* bytes of which a speed can be told */

static const char *const outcomes[] = {
	"none", "under way", "done", "later", "failed"};

const char *call_outcome_name(enum call_outcome outcome)
{
	return outcomes[outcome];
}

/* ---- the file ---- */

/* All numbers of it, in their order. */
static const struct {
	const char *name;
	size_t at;
} fields[] = {
	{"began", offsetof(struct call_record, last.began_ms)},
	{"ended", offsetof(struct call_record, last.ended_ms)},
	{"sent", offsetof(struct call_record, last.sent)},
	{"received", offsetof(struct call_record, last.received)},
	{"speed", offsetof(struct call_record, last.speed)},
	{"calls", offsetof(struct call_record, all.calls)},
	{"failed", offsetof(struct call_record, all.failed)},
	{"all-sent", offsetof(struct call_record, all.sent)},
	{"all-received", offsetof(struct call_record, all.received)},
	{"last-sent", offsetof(struct call_record, all.sent_ms)},
	{"last-received", offsetof(struct call_record, all.received_ms)},
	{"last-done", offsetof(struct call_record, all.done_ms)},
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void print(const struct call_record *r, struct buf *ret)
{
	buf_printf(ret, HEAD "outcome %s\n", outcomes[r->last.outcome]);
	for (size_t i = 0; i < FIELDS; i++) {
		uint64_t n;

		memcpy(&n, (const char *)r + fields[i].at, sizeof(n));
		buf_printf(ret, "%s %" PRIu64 "\n", fields[i].name, n);
	}
	buf_printf(ret, "why %s\n", r->last.why);
}

/* Goes on behind "NAME " of a line; NULL where it is another line. */
static char *value_of(char **at, const char *name)
{
	char *line = strsep(at, "\n");
	size_t len = strlen(name);

	return line && !strncmp(line, name, len) && line[len] == ' '
		       ? line + len + 1
		       : NULL;
}

static bool parse_outcome(const char *text, enum call_outcome *ret)
{
	for (unsigned i = 0; i <= CALL_FAILED; i++)
		if (text && strcmp(text, outcomes[i]) == 0) {
			*ret = (enum call_outcome)i;
			return true;
		}
	return false;
}

static bool parse(char *text, struct call_record *ret)
{
	size_t head = strlen(HEAD);
	const char *why;

	if (strncmp(text, HEAD, head) != 0)
		return false;
	text += head;
	if (!parse_outcome(value_of(&text, "outcome"), &ret->last.outcome))
		return false;
	for (size_t i = 0; i < FIELDS; i++) {
		const char *value = value_of(&text, fields[i].name);
		char *end;

		if (!value || value[0] < '0' || value[0] > '9')
			return false;
		errno = 0;
		uint64_t n = strtoull(value, &end, 10);
		if (*end || errno || n > INT64_MAX)
			return false;
		memcpy((char *)ret + fields[i].at, &n, sizeof(n));
	}
	why = value_of(&text, "why");
	if (!why || !text || *text || strlen(why) >= sizeof(ret->last.why))
		return false;
	strcpy(ret->last.why, why);
	return true;
}

static char *path_of(const char *state_dir, uint64_t peer, const char *via)
{
	return mem_printf("%s/calls/%016" PRIx64 "-%016" PRIx64, state_dir,
		peer, hash_check(via, strlen(via), 0));
}

static int load(struct os *os, const char *path, struct call_record *ret,
	struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int rc = file_read(os, path, FILE_MAX, &text, &why);

	*ret = (struct call_record){.last.outcome = CALL_NONE};
	if (rc == ERR_IO) {
		*err = why;
		return rc;
	}
	if (rc < 0 || memchr(text.data, 0, text.len))
		return 0;
	AUTO_FREE char *whole = mem_dup_n((const char *)text.data, text.len);
	if (!parse(whole, ret))
		*ret = (struct call_record){.last.outcome = CALL_NONE};
	return 0;
}

int calls_get(struct os *os, const char *state_dir, uint64_t peer,
	const char *via, struct call_record *ret, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, peer, via);

	return load(os, path, ret, err);
}

/* ---- telling ---- */

/* What of it was not told before. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void add(struct call_record *r, const struct call *call, int64_t now_ms)
{
	struct call before = {.outcome = CALL_NONE};

	if (r->last.began_ms == call->began_ms)
		before = r->last;
	else
		r->all.calls++;
	uint64_t sent = grown(call->sent, before.sent);
	uint64_t received = grown(call->received, before.received);
	uint64_t speed = r->last.speed;

	r->last = *call;
	plain_line(r->last.why);
	if (call->sent + call->received < SPEED_LEAST || !call->speed)
		r->last.speed = speed;
	r->all.sent += sent;
	r->all.received += received;
	if (sent)
		r->all.sent_ms = now_ms;
	if (received)
		r->all.received_ms = now_ms;
	if (call->outcome == CALL_DONE)
		r->all.done_ms = now_ms;
	r->all.failed += call->outcome > CALL_DONE;
}

int calls_note(struct os *os, const char *state_dir, uint64_t peer,
	const char *via, const struct call *call, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, peer, via);
	AUTO_FREE char *dir = mem_printf("%s/calls", state_dir);
	AUTO_FREE char *lock = mem_printf("%s/lock", dir);
	AUTO_BUF struct buf text = BUF_INIT;
	struct call_record r;
	int fd = -1;
	int rc = dir_make(os, dir, 0700, err);

	if (rc >= 0)
		rc = file_lock(os, lock, 0600, LOCK_WAIT_MS, &fd, err);
	if (rc < 0)
		return rc;
	rc = load(os, path, &r, err);
	if (rc >= 0) {
		add(&r, call, os->ops->wall_ns(os) / 1000000);
		print(&r, &text);
		rc = file_replace(os, path, text.data, text.len, 0600, err);
	}
	os->ops->close(os, fd);
	return rc < 0 ? rc : 0;
}

/* ---- links that are no more ---- */

static bool is_of(
	const char *path, const char *state_dir, uint64_t peer, const char *via)
{
	AUTO_FREE char *own = path_of(state_dir, peer, via);

	return strcmp(path, own) == 0;
}

static bool is_used(const struct site *s, const char *path)
{
	for (size_t i = 0; i < s->config.peer_count; i++) {
		const struct config_peer *p = &s->config.peers[i];
		uint64_t peer = s->peers[i].origin;

		if (is_of(path, s->config.state, peer, CALLS_ANSWERED))
			return true;
		for (size_t k = 0; k < p->link_count; k++)
			if (is_of(path, s->config.state, peer, p->links[k].via))
				return true;
	}
	return false;
}

/* With the lock, which is taken for the first: what ends in .tmp may else be
   under way. */
static int drop(struct os *os, const char *lock, int *fd, const char *path,
	struct err *err)
{
	int rc =
		*fd >= 0 ? 0 : file_lock(os, lock, 0600, LOCK_WAIT_MS, fd, err);

	if (rc >= 0)
		rc = os->ops->unlink(os, path);
	else
		return rc;
	return rc < 0 && rc != -ENOENT ? err_set_os(err, -rc, "remove %s", path)
				       : 0;
}

int calls_tidy(const struct site *s, struct err *err)
{
	AUTO_FREE char *dir = mem_printf("%s/calls", s->config.state);
	AUTO_FREE char *lock = mem_printf("%s/lock", dir);
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;
	int fd = -1, rc = 0;

	if (s->os->ops->list(s->os, dir, &names) < 0)
		return 0; /* there was no call yet */
	while (rc >= 0 && os_list_next(&names, &at, &entry)) {
		AUTO_FREE char *path = mem_printf("%s/%s", dir, entry.name);

		if (strcmp(path, lock) && !is_used(s, path))
			rc = drop(s->os, lock, &fd, path, err);
	}
	if (fd >= 0)
		s->os->ops->close(s->os, fd);
	return rc;
}
