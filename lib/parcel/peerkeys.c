/*
 * peerkeys: the two files of a peer, and what a change of its key means.
 *
 *	packetboat-peer-keys 1
 *	uses 1
 *	refuses 0
 *	retired 0
 *	asked 3
 *	since 1700000000000
 *	split 0
 *	from pb1:...            these two, or "-"
 *	to pb1:...
 *	anchor -                these two, or "-"
 *	followed -
 *	check 8a6e2f0c1b7d9e35  XXH3-64 of all before it
 *
 * Read as the key file is: values from their places, the text written again
 * from them and compared.
 */
#include "peerkeys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "hash.h"
#include "mem.h"
#include "parcel.h"

#define FILE_MAX 1024u
#define LOCK_WAIT_MS 30000
#define NONE "-"

/* ---- the files ---- */

static char *path_of(const char *state_dir, uint64_t origin, const char *end)
{
	return mem_printf("%s/keys/%016" PRIx64 "%s", state_dir, origin, end);
}

static void add_line(struct buf *b, const char *name, bool there,
	const struct key_public *key)
{
	char line[KEY_LINE_MAX] = NONE;

	if (there)
		key_line(key, line);
	buf_printf(b, "%s %s\n", name, line);
}

static void add_check(struct buf *b)
{
	buf_printf(b, "check %016" PRIx64 "\n", hash_check(b->data, b->len, 0));
}

static void print(const struct peerkeys *k, struct buf *ret)
{
	buf_printf(ret,
		"packetboat-peer-keys 1\n"
		"uses %u\nrefuses %u\nretired %u\nasked %" PRIu32
		"\nsince %" PRId64 "\nsplit %" PRId64 "\n",
		k->uses, k->refuses, k->retired, k->asked, k->since_ms,
		k->split_ms);
	add_line(ret, "from", k->changes, &k->from);
	add_line(ret, "to", k->changes, &k->to);
	add_line(ret, "anchor", k->follows, &k->anchor);
	add_line(ret, "followed", k->follows, &k->followed);
	add_check(ret);
}

static void print_said(const struct peerkeys_said *s, struct buf *ret)
{
	buf_printf(ret,
		"packetboat-said-keys 1\n"
		"serial %u\nretired %u\nms %" PRId64 "\nasked %" PRIu32
		"\nuses %u\nrefuses %u\n",
		s->serial, s->retired, s->ms, s->asked, s->uses, s->refuses);
	add_check(ret);
}

/* A pair of lines: both are keys, or neither. */
static bool parse_pair(const char *a, const char *b, bool *ret_there,
	struct key_public *ret_a, struct key_public *ret_b)
{
	*ret_there = strcmp(a, NONE) != 0;
	return !*ret_there || (key_parse(a, ret_a, NULL) == 0 &&
				      key_parse(b, ret_b, NULL) == 0);
}

static bool parse(const char *text, struct peerkeys *ret)
{
	char from[KEY_LINE_MAX], to[KEY_LINE_MAX];
	char anchor[KEY_LINE_MAX], followed[KEY_LINE_MAX];
	AUTO_BUF struct buf again = BUF_INIT;

	if (sscanf(text,
		    "packetboat-peer-keys 1\n"
		    "uses %3" SCNu8 "\nrefuses %3" SCNu8 "\nretired %3" SCNu8
		    "\nasked %10" SCNu32 "\nsince %19" SCNd64
		    "\nsplit %19" SCNd64 "\nfrom %79s\nto %79s\nanchor %79s\n"
		    "followed %79s\n",
		    &ret->uses, &ret->refuses, &ret->retired, &ret->asked,
		    &ret->since_ms, &ret->split_ms, from, to, anchor,
		    followed) != 10 ||
		!parse_pair(from, to, &ret->changes, &ret->from, &ret->to) ||
		!parse_pair(anchor, followed, &ret->follows, &ret->anchor,
			&ret->followed))
		return false;
	print(ret, &again);
	return strcmp(buf_str(&again), text) == 0;
}

static bool parse_said(const char *text, struct peerkeys_said *ret)
{
	AUTO_BUF struct buf again = BUF_INIT;

	if (sscanf(text,
		    "packetboat-said-keys 1\n"
		    "serial %3" SCNu8 "\nretired %3" SCNu8 "\nms %19" SCNd64
		    "\nasked %10" SCNu32 "\nuses %3" SCNu8 "\nrefuses %3" SCNu8
		    "\n",
		    &ret->serial, &ret->retired, &ret->ms, &ret->asked,
		    &ret->uses, &ret->refuses) != 6)
		return false;
	print_said(ret, &again);
	return strcmp(buf_str(&again), text) == 0;
}

/* Returns 1 where there is no such file. */
static int read_text(
	struct os *os, const char *path, struct buf *ret, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = file_read(os, path, FILE_MAX, ret, &why);

	if (rc == ERR_ABSENT)
		return 1;
	if (rc < 0)
		*err = why;
	return rc;
}

int peerkeys_load(struct os *os, const char *state_dir, uint64_t origin,
	struct peerkeys *ret, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, origin, "");
	AUTO_BUF struct buf text = BUF_INIT;
	struct peerkeys k = {.asked = 0};
	int rc = read_text(os, path, &text, err);

	if (rc == 0 && !parse(buf_str(&text), &k))
		return err_set(err, ERR_CORRUPT,
			"%s: damaged (remove it: the peer says again what it "
			"said; what was revoked is to be revoked again)",
			path);
	if (rc < 0)
		return rc;
	k.there = rc == 0;
	*ret = k;
	return 0;
}

int peerkeys_said_load(struct os *os, const char *state_dir, uint64_t origin,
	struct peerkeys_said *ret, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, origin, ".said");
	AUTO_BUF struct buf text = BUF_INIT;
	struct peerkeys_said said = {.ms = 0};
	int rc = read_text(os, path, &text, err);

	if (rc < 0)
		return rc;
	/* It is said once more. */
	if (rc > 0 || !parse_said(buf_str(&text), &said))
		said = (struct peerkeys_said){.ms = 0};
	*ret = said;
	return 0;
}

static int make_dir(struct os *os, const char *state_dir, struct err *err)
{
	AUTO_FREE char *dir = mem_printf("%s/keys", state_dir);

	return dir_make(os, dir, 0700, err);
}

static int save(struct os *os, const char *state_dir, const char *path,
	const struct buf *text, struct err *err)
{
	int rc = make_dir(os, state_dir, err);

	return rc < 0 ? rc
		      : file_replace(
				os, path, text->data, text->len, 0600, err);
}

int peerkeys_save(struct os *os, const char *state_dir, uint64_t origin,
	const struct peerkeys *k, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, origin, "");
	AUTO_BUF struct buf text = BUF_INIT;

	print(k, &text);
	return save(os, state_dir, path, &text, err);
}

int peerkeys_said_save(struct os *os, const char *state_dir, uint64_t origin,
	const struct peerkeys_said *said, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir, origin, ".said");
	AUTO_BUF struct buf text = BUF_INIT;

	print_said(said, &text);
	return save(os, state_dir, path, &text, err);
}

int peerkeys_lock(
	struct os *os, const char *state_dir, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/keys/lock", state_dir);
	int rc = make_dir(os, state_dir, err);

	return rc < 0 ? rc
		      : file_lock(os, path, 0600, LOCK_WAIT_MS, ret_fd, err);
}

/* ---- what is taken ---- */

uint8_t peerkeys_retired(
	const struct key_pair *key, const struct key_pair *former)
{
	return former->pub.origin ? former->pub.serial : key->pub.serial;
}

bool peerkeys_knows(const struct peerkeys *k, const struct key_pair *key)
{
	return !k->there || k->uses >= key->pub.serial;
}

bool peerkeys_knows_all(const struct peerkeys *k, const struct key_pair *key,
	const struct key_pair *former)
{
	return peerkeys_knows(k, key) &&
	       (!k->there || k->refuses >= peerkeys_retired(key, former));
}

void peerkeys_ring(const struct key_public *configured, bool follow,
	const struct peerkeys *k, struct keyring *ret)
{
	*ret = (struct keyring){.key = *configured};
	if (follow && k->follows && key_same(&k->anchor, configured))
		ret->key = k->followed;
	/* Announced before it was said that changes are followed. */
	else if (follow && k->changes && key_same(&k->from, configured) &&
		 !k->split_ms)
		ret->key = k->to;
	ret->key.may_sign = configured->may_sign;
	if (!k->changes)
		return;
	if (key_same(&k->to, &ret->key) && k->from.serial >= k->retired)
		ret->also[ret->also_count++] = k->from;
	if (key_same(&k->from, &ret->key)) {
		ret->also[ret->also_count++] = k->to;
		ret->waits = true;
	}
	for (size_t i = 0; i < ret->also_count; i++)
		ret->also[i].may_sign = configured->may_sign;
}

/* A change that is the next after the key that we have, or after one that
   waits. Returns whether it is. */
static bool take_next(struct peerkeys *k, const struct keyring *ring,
	const struct key_change *c, int64_t now_ms)
{
	bool waits = k->changes && key_same(&k->from, &ring->key);

	if (k->changes && key_same(&c->from, &k->from) &&
		!key_same(&c->to, &k->to)) {
		k->split_ms = now_ms;
		return false;
	}
	if (waits && key_same(&c->from, &k->to)) {
		k->to = c->to;
		k->since_ms = now_ms;
		return true;
	}
	if (waits || !key_same(&c->from, &ring->key))
		return false;
	k->changes = true;
	k->from = c->from;
	k->to = c->to;
	k->since_ms = now_ms;
	k->split_ms = 0;
	return true;
}

/* What the operator did, and the peer says now: the old one is taken still. */
static void take_done(struct peerkeys *k, const struct keyring *ring,
	const struct key_change *c, int64_t now_ms)
{
	if (!key_same(&c->to, &ring->key) ||
		(k->changes && key_same(&k->to, &c->to)))
		return;
	k->changes = true;
	k->from = c->from;
	k->to = c->to;
	k->since_ms = now_ms;
	k->split_ms = 0;
}

static uint8_t larger(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

static void take(struct peerkeys *k, const struct key_public *configured,
	bool follow, const struct key_public *sealed,
	const struct parcel_keys *said, int64_t now_ms)
{
	struct keyring ring;

	peerkeys_ring(configured, follow, k, &ring);
	/* What comes late says less. */
	if (said->answers) {
		k->uses = larger(k->uses, said->uses);
		k->refuses = larger(k->refuses, said->refuses);
	}
	if (!said->says)
		return;
	k->asked++;
	/* No key can say of itself, or of a later one, that it is no more. */
	if (sealed->serial >= said->retired)
		k->retired = larger(k->retired, said->retired);
	if (!said->change)
		return;
	take_done(k, &ring, said->change, now_ms);
	if (take_next(k, &ring, said->change, now_ms) && follow) {
		k->follows = true;
		k->anchor = *configured;
		k->followed = k->to;
	}
}

/* What is known of a peer, to be changed under the lock. */
static int begin_change(struct os *os, const char *state_dir, uint64_t origin,
	int *ret_lock, struct peerkeys *ret, struct err *err)
{
	int rc = peerkeys_lock(os, state_dir, ret_lock, err);

	if (rc < 0)
		return rc;
	rc = peerkeys_load(os, state_dir, origin, ret, err);
	if (rc < 0)
		os->ops->close(os, *ret_lock);
	return rc;
}

static int end_change(struct os *os, const char *state_dir, uint64_t origin,
	int lock, const struct peerkeys *k, struct err *err)
{
	int rc = peerkeys_save(os, state_dir, origin, k, err);

	os->ops->close(os, lock);
	return rc;
}

int peerkeys_take(struct os *os, const char *state_dir,
	const struct key_public *configured, bool follow, uint8_t own,
	const struct key_public *sealed, const struct parcel_keys *said,
	struct err *err)
{
	uint64_t origin = configured->origin;
	struct keyring ring;
	struct peerkeys k;
	int lock;
	int rc = begin_change(os, state_dir, origin, &lock, &k, err);

	if (rc < 0)
		return rc;
	if (!k.there)
		k.uses = own;
	take(&k, configured, follow, sealed, said,
		os->ops->wall_ns(os) / 1000000);
	rc = end_change(os, state_dir, origin, lock, &k, err);
	if (rc < 0)
		return rc;
	peerkeys_ring(configured, follow, &k, &ring);
	return said->change && (ring.waits || k.split_ms);
}

int peerkeys_begin(struct os *os, const char *state_dir, uint64_t origin,
	uint8_t own, struct err *err)
{
	struct peerkeys k;
	int rc = peerkeys_load(os, state_dir, origin, &k, err);

	if (rc < 0 || k.there)
		return rc;
	k.uses = own;
	return peerkeys_save(os, state_dir, origin, &k, err);
}

int peerkeys_revoke(struct os *os, const char *state_dir,
	const struct key_public *configured, bool follow, struct err *err)
{
	uint64_t origin = configured->origin;
	struct keyring ring;
	struct peerkeys k;
	int lock;
	int rc = begin_change(os, state_dir, origin, &lock, &k, err);

	if (rc < 0)
		return rc;
	peerkeys_ring(configured, follow, &k, &ring);
	k.retired = larger(k.retired, ring.key.serial);
	if (!key_same(&k.to, &ring.key))
		k.changes = false; /* nor one that waits */
	k.split_ms = 0;
	return end_change(os, state_dir, origin, lock, &k, err);
}

void peerkeys_list(
	const struct keyring *ring, struct key_public **list, size_t *count)
{
	*list = mem_grow(*list, *count + 1 + ring->also_count, sizeof(**list));
	(*list)[(*count)++] = ring->key;
	for (size_t i = 0; i < ring->also_count; i++)
		(*list)[(*count)++] = ring->also[i];
}

void peerkeys_tell(
	const struct keyring *ring, const struct peerkeys *k, struct buf *ret)
{
	char line[KEY_LINE_MAX];

	if (k->split_ms) {
		buf_add_str(ret,
			"it announces two keys after the one that is known: "
			"one of them is a thief's (ask the people there, in "
			"a way that a thief could not, for the key line that "
			"packetboat key prints, put it into the peer's block, "
			"and give packetboat peer revoke)");
		return;
	}
	if (!ring->waits)
		return;
	key_line(&ring->also[ring->also_count - 1], line);
	buf_printf(ret,
		"it has a new key, signed by the one that is known here; both "
		"are taken, and the known one is sealed for: put the new one "
		"into the peer's block: key = \"%s\"",
		line);
}
