/*
 * round_inbox: the parcels that came, one by one: taken, put aside to wait, or
 * refused.
 */
#include "round_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "err.h"
#include "peerkeys.h"
#include "program.h"

#define SEQUENCE_LEN 16 /* a parcel's name begins with its bundle's */
#define PARCEL ".parcel"
#define EARLY ".early"
#define KEPT ".kept"

/* Who sends nothing else fills no disk: of what is not acknowledged nothing is
   lost by removing it. */
#define REFUSED_MAX 100u

static bool is_full(struct round *r)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;
	unsigned count = 0;

	if (r->os->ops->list(r->os, r->config->refused_dir, &list) < 0)
		return false;
	while (os_list_next(&list, &at, &entry))
		count++;
	return count >= REFUSED_MAX;
}

/* A parcel that can not be taken as things are is put aside, and not looked at
   again until somebody gives it by name. */
static void put_aside(struct round *r, const char *path, const char *name)
{
	struct err err = ERR_INIT;
	const char *refused = r->config->refused_dir;
	AUTO_FREE char *to = mem_printf("%s/%s", refused, name);
	int rc = dir_make(r->os, refused, 0700, &err);

	if (rc >= 0 && is_full(r)) {
		r->os->ops->unlink(r->os, path);
		round_say(r, true,
			"%s: removed: %s holds %u parcels that were refused, "
			"and that is enough to look at",
			path, refused, REFUSED_MAX);
		return;
	}
	if (rc >= 0 && (rc = r->os->ops->rename(r->os, path, to)) < 0)
		err_set_os(&err, -rc, "rename %s to %s", path, to);
	if (rc < 0)
		round_fail(r, &err);
	else
		round_say(r, true,
			"%s: put aside (packetboat log tells what it is; when "
			"the reason is gone, packetboat apply takes it)",
			to);
}

/* The name of a parcel of the inbox that waits for something, by why. */
static char *waiting_name(const char *path, const char *why)
{
	const char *end = strstr(strrchr(path, '/'), PARCEL) + strlen(PARCEL);

	return mem_printf("%.*s%s", (int)(end - path), path, why);
}

/*
 * A parcel that came before what it builds on, or that tells another history
 * than the one known, waits under another name, and the shipper knows that it
 * was looked at: where both sites have one, neither would else send again what
 * the other waits for. Status tells of it.
 */
static void put_waiting(struct round *r, const char *path, const char *why)
{
	AUTO_FREE char *to = waiting_name(path, why);

	if (strcmp(path, to) != 0)
		r->os->ops->rename(r->os, path, to);
}

/* A key may have changed since the round began: of this site, by its operator,
   or of the peer, by a parcel just before. */
static int receive(struct round *r, const struct buf *parcel, struct err *err)
{
	int rc = receive_parcel(
		&r->receive, parcel->data, parcel->len, &r->received, err);

	if (rc != ERR_AUTH || !r->config->keys_again ||
		!r->config->keys_again(r->config->arg))
		return rc;
	struct err again = ERR_INIT;
	r->received.refused--;
	rc = receive_parcel(
		&r->receive, parcel->data, parcel->len, &r->received, &again);
	*err = again;
	return rc;
}

static void say_new_key(struct round *r)
{
	const struct receive_peer *p = r->received.new_key;
	AUTO_BUF struct buf text = BUF_INIT;

	if (!p)
		return;
	if (r->config->keys_again)
		r->config->keys_again(r->config->arg);
	peerkeys_tell(&p->keys->ring, &p->keys->said, &text);
	round_say(r, true, "peer %s: %s", p->name, buf_str(&text));
	r->code = exit_worse(r->code, EXIT_OPERATOR);
}

enum taken { TAKEN, TAKE_LATER, TAKE_EARLIER_FIRST, KEPT_BACK, REFUSED };

/* who: it is from; given: by name, so that refusing it is a failure. */
static enum taken take(struct round *r, const struct buf *parcel,
	const char *who, const char *what, bool given)
{
	struct err err = ERR_INIT;
	int rc = receive(r, parcel, &err);

	if (rc >= 0) {
		say_new_key(r);
		return TAKEN;
	}
	err_wrap(&err, "%s", what);
	if (rc == ERR_TORN) {
		round_say(r, false, "%s (kept for later)", err.text);
		return TAKE_EARLIER_FIRST;
	}
	bool refused = receive_is_refusal(rc);
	if (refused && r->config->refused)
		r->config->refused(r->config->arg, who, &err);
	if (rc == ERR_CONFLICT || (refused && !given))
		err.code = ERR_OPERATOR;
	round_fail(r, &err);
	return refused ? REFUSED : rc == ERR_CONFLICT ? KEPT_BACK : TAKE_LATER;
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static bool is_parcel(const char *name)
{
	size_t len = strlen(name);

	return len > SEQUENCE_LEN && len < 40 && strstr(name, ".parcel");
}

static void take_one(
	struct round *r, const char *dir, const char *peer, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	AUTO_FREE char *aside = mem_printf("%s-%s", peer, name);
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct err err = ERR_INIT;
	int rc = file_read(r->os, path, PARCEL_SEALED_MAX, &parcel, &err);

	if (rc < 0) {
		round_fail(r, &err);
		return;
	}
	switch (take(r, &parcel, peer, path, false)) {
	case TAKEN:
		r->os->ops->unlink(r->os, path);
		break;
	case TAKE_EARLIER_FIRST:
		put_waiting(r, path, EARLY);
		break;
	case KEPT_BACK:
		put_waiting(r, path, KEPT);
		break;
	case REFUSED:
		put_aside(r, path, aside);
		break;
	case TAKE_LATER:
		break;
	}
}

static uint64_t name_sum(const char *name, size_t peer)
{
	return 1 | hash_check(name, strlen(name), peer);
}

/* A parcel that is there still was looked at, and has to wait. */
static void note_left(
	struct round *r, const char *dir, size_t peer, const char *name)
{
	static const char *const whys[] = {"", EARLY, KEPT};
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	struct os_stat st;

	for (size_t i = 0; i < sizeof(whys) / sizeof(*whys); i++) {
		AUTO_FREE char *now = waiting_name(path, whys[i]);

		if (r->os->ops->lstat(r->os, now, &st) == 0)
			r->left += name_sum(strrchr(now, '/') + 1, peer);
	}
}

static bool is_under_way(char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(strrchr(names[i], '.'), ".tmp") == 0)
			return true;
	return false;
}

/*
 * The names of one bundle: taken when no more of it is under way. Until then
 * it counts by the names that were seen: they have changed when it is whole.
 */
static void take_names(struct round *r, const char *dir, size_t number,
	char *const *names, size_t count)
{
	bool under_way = is_under_way(names, count);

	for (size_t i = 0; i < count; i++) {
		if (under_way) {
			r->left += name_sum(names[i], number);
			continue;
		}
		take_one(r, dir, r->receive.peers[number].name, names[i]);
		note_left(r, dir, number, names[i]);
	}
}

void round_take_inbox(struct round *r, size_t number)
{
	const char *peer = r->receive.peers[number].name;
	AUTO_FREE char *dir = mem_printf("%s/%s", r->config->inbox_dir, peer);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, count = 0;
	char **names = NULL;

	if (r->os->ops->list(r->os, dir, &list) < 0)
		return; /* nothing was ever collected */
	while (os_list_next(&list, &at, &entry)) {
		if (!is_parcel(entry.name))
			continue;
		names = mem_grow(names, count + 1, sizeof(*names));
		names[count++] = mem_dup(entry.name);
	}
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0, next; i < count; i = next) {
		next = i + 1;
		while (next < count &&
			!strncmp(names[i], names[next], SEQUENCE_LEN))
			next++;
		take_names(r, dir, number, names + i, next - i);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static bool is_to_come_again(enum taken taken)
{
	return taken == TAKE_LATER || taken == TAKE_EARLIER_FIRST ||
	       taken == KEPT_BACK;
}

/* One parcel, as they are put aside: then it is settled. */
static void take_parcel(struct round *r, const char *path)
{
	AUTO_FREE char *dir = mem_printf("%s/", r->config->refused_dir);
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct err err = ERR_INIT;

	if (file_read(r->os, path, PARCEL_SEALED_MAX, &parcel, &err) < 0) {
		round_fail(r, &err);
		return;
	}
	enum taken taken = take(r, &parcel, "a file", path, true);
	if (is_to_come_again(taken))
		r->code = exit_worse(r->code, EXIT_LATER);
	if (taken == TAKEN && strncmp(path, dir, strlen(dir)) == 0)
		r->os->ops->unlink(r->os, path);
}

static bool is_one_parcel(struct round *r, int fd)
{
	struct parcel_header header;
	uint8_t start[PARCEL_PEEK];
	ssize_t n = r->os->ops->pread(r->os, fd, start, sizeof(start), 0);

	return n > 0 && parcel_peek(start, (size_t)n, &header, NULL) >= 0;
}

void round_take_file(struct round *r, const char *path)
{
	AUTO_FREE char *name = mem_printf("bundle %s", path);
	struct bundle_reader *reader;
	struct err err = ERR_INIT;
	AUTO_BUF struct buf parcel = BUF_INIT;
	int fd = strcmp(path, "-") ? r->os->ops->open(r->os, path, O_RDONLY, 0)
				   : STDIN_FILENO;
	int rc;

	if (fd < 0) {
		err_set_os(&err, -fd, "%s", path);
		err.code = ERR_IO; /* no carrier that comes later */
		round_fail(r, &err);
		return;
	}
	if (fd != STDIN_FILENO && is_one_parcel(r, fd)) {
		r->os->ops->close(r->os, fd);
		take_parcel(r, path);
		return;
	}
	rc = bundle_reader_open(r->os, fd, path, &reader, &err);
	if (rc >= 0) {
		while ((rc = bundle_reader_next(reader, &parcel, &err)) > 0) {
			enum taken taken =
				take(r, &parcel, "a file", name, true);

			if (is_to_come_again(taken))
				r->code = exit_worse(r->code, EXIT_LATER);
		}
		bundle_reader_close(reader);
	}
	if (rc < 0)
		round_fail(r, &err);
	if (fd != STDIN_FILENO)
		r->os->ops->close(r->os, fd);
}

uint64_t round_inbox(const struct round_config *config)
{
	struct os *os = config->receive.os;
	uint64_t sum = 0;

	for (size_t i = 0; i < config->receive.peer_count; i++) {
		AUTO_FREE char *dir = mem_printf("%s/%s", config->inbox_dir,
			config->receive.peers[i].name);
		AUTO_BUF struct buf list = BUF_INIT;
		struct os_entry entry;
		size_t at = 0;

		if (os->ops->list(os, dir, &list) < 0)
			continue;
		/* The order of a directory's names means nothing. */
		while (os_list_next(&list, &at, &entry))
			if (is_parcel(entry.name))
				sum += name_sum(entry.name, i);
	}
	return sum;
}
