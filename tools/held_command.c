/*
 * held_command: `packetboat held [--json] [PEER]` and `packetboat held release
 * PEER ID...`.
 *
 * What a mail is about is in the mail alone, and only who may open mail reads
 * it: a `packetboat-writer --serve` that is started for it, as the shipper does
 * (lib/site/bodyclient.h). A release is a row of the state; the shipper looks
 * there with the next contact, and is woken where it follows.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "about.h"
#include "begun.h"
#include "bodyclient.h"
#include "err.h"
#include "front.h"
#include "held.h"
#include "held_links.h"
#include "site.h"
#include "tree.h"

#define HEADER_MAX 65536u /* bytes of a mail that are looked at */
#define ID_SHOWN 10	  /* digits of a hash */
#define ID_LEAST 4

/* ---- list ---- */

struct listing {
	struct front *front;
	struct site site;
	struct body_client bodies;
	bool opened, failed;
	struct json_object *array; /* NULL: as text */
	int64_t now_s;
	size_t shown, stuck; /* of the peer at hand; no link takes them */
	int code;
};

static int open_bodies(struct listing *l, struct err *err)
{
	if (l->opened)
		return 0;
	int rc = body_client_open(
		l->site.os, NULL, NULL, l->site.config.path, &l->bodies, err);

	l->opened = rc >= 0;
	return rc;
}

/* A mail that cannot be read now is listed all the same. */
static void read_mail(struct listing *l, const char *account,
	const struct hash *hash, struct about *ret)
{
	AUTO_BUF struct buf mail = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t size;
	int rc = l->failed ? ERR_IO : open_bodies(l, &err);

	if (rc >= 0)
		rc = body_client_read(&l->bodies, account, hash, 0, HEADER_MAX,
			&mail, &size, &err);
	if (rc == ERR_IO && !l->failed) {
		l->failed = true; /* once is enough */
		l->code = exit_worse(l->code, front_fail(l->front, &err));
	}
	if (rc < 0)
		return;
	about_read(&mail, ret);
}

static uint64_t age_s(const struct listing *l, const struct held_body *b)
{
	return b->mtime < l->now_s ? (uint64_t)(l->now_s - b->mtime) : 0;
}

static void add_object(struct listing *l, const struct config_peer *p,
	const char *account, const struct held_body *b, struct about *about)
{
	const struct config_link *taker = held_links_taker(p, b->size);
	struct json_object *o = json_object_new_object();
	char hex[HASH_HEX];

	hash_hex(&b->hash, hex);
	tree_text(o, "peer", p->name);
	tree_text(o, "account", account);
	tree_text(o, "folder", b->path);
	tree_text(o, "id", hex);
	tree_text(o, "from", about->known ? buf_str(&about->from) : NULL);
	tree_text(o, "subject", about->known ? buf_str(&about->subject) : NULL);
	tree_number(o, "size", b->size);
	tree_number(o, "age_s", age_s(l, b));
	tree_number(o, "messages", b->messages);
	tree_true(o, "released", b->released);
	tree_text(o, "handed_over_by", b->link);
	tree_text(o, "preview",
		b->previewed ? "there"
		: b->told    ? "handed over"
			     : NULL);
	tree_text(o, "goes_by", taker ? taker->name : NULL);
	json_object_array_add(l->array, o);
}

static void print_age(uint64_t s)
{
	static const struct {
		uint64_t least, unit;
		char letter;
	} units[] = {{172800, 86400, 'd'}, {7200, 3600, 'h'}, {120, 60, 'm'},
		{0, 1, 's'}};
	size_t i = 0;

	while (s < units[i].least)
		i++;
	printf("%5llu%c", (unsigned long long)(s / units[i].unit),
		units[i].letter);
}

static void print_state(const struct config_peer *p, const struct held_body *b)
{
	const struct config_link *taker = held_links_taker(p, b->size);

	if (b->link)
		printf("[handed over by %s, not there yet]",
			b->link[0] ? b->link : "its link");
	else if (b->released)
		printf("[released]");
	else if (taker)
		printf("[waits for link %s]", taker->name);
	else
		printf("[no link takes it]");
	if (b->previewed)
		printf(" [its preview is there]");
	else if (b->told)
		printf(" [its preview was handed over]");
}

static void print_row(struct listing *l, const struct config_peer *p,
	const char *account, const struct held_body *b, struct about *about)
{
	char hex[HASH_HEX];

	hash_hex(&b->hash, hex);
	if (!l->shown)
		printf("peer %s\n", p->name);
	printf("  %.*s %11llu", ID_SHOWN, hex, (unsigned long long)b->size);
	print_age(age_s(l, b));
	printf("  %s %s  ", account, b->path);
	if (about->known)
		printf("%s: %s  ", buf_str(&about->from),
			buf_str(&about->subject));
	else
		printf("(not readable now)  ");
	print_state(p, b);
	printf("\n");
}

static int list_account(struct listing *l, size_t peer, const char *name,
	uint64_t least, struct err *err)
{
	const struct config_peer *p = &l->site.config.peers[peer];
	AUTO_ARENA struct arena arena = {0};
	struct held_body *list;
	struct account a;
	size_t count = 0;
	int rc = begun_open(&l->site, name, &a, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = held_list(a.replica, l->site.peers[peer].origin, least, &arena,
		&list, &count, err);
	account_close(&a);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		AUTO_ABOUT struct about about = {0};

		read_mail(l, name, &list[i].hash, &about);
		if (l->array)
			add_object(l, p, name, &list[i], &about);
		else
			print_row(l, p, name, &list[i], &about);
		l->shown++;
		l->stuck += !list[i].released && !list[i].link &&
			    !held_links_taker(p, list[i].size);
	}
	return rc;
}

static void list_peer(struct listing *l, size_t peer)
{
	const struct config_peer *p = &l->site.config.peers[peer];
	uint64_t least = held_links_least(p);

	l->shown = l->stuck = 0;
	if (least == HOLD_NONE)
		return;
	for (size_t i = 0; i < l->site.account_count; i++) {
		const char *name = l->site.accounts[i].name;
		struct err err = ERR_INIT;

		if (site_granted(&l->site, peer, name) &&
			list_account(l, peer, name, least, &err) < 0)
			l->code =
				exit_worse(l->code, front_fail(l->front, &err));
	}
	if (l->stuck && !l->array)
		printf("  No link takes %zu of them: they go when they are "
		       "released (packetboat held release %s ID)\n",
			l->stuck, p->name);
}

static int unknown_peer(struct front *f, const struct site *s, const char *name)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_USAGE, "there is no peer \"%s\" in %s", name,
		s->config.path);
	return front_fail(f, &err);
}

static int list(struct front *f, bool json, const char *only)
{
	struct listing l = {.front = f};
	struct err err = ERR_INIT;
	struct os *os = os_real();
	size_t shown = 0;

	if (site_open(&l.site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	l.now_s = os->ops->wall_ns(os) / 1000000000;
	if (only && site_peer(&l.site, only) < 0) {
		l.code = unknown_peer(f, &l.site, only);
		site_close(&l.site);
		return l.code;
	}
	if (json)
		l.array = json_object_new_array();
	for (size_t i = 0; i < l.site.config.peer_count; i++) {
		if (only && strcmp(only, l.site.config.peers[i].name) != 0)
			continue;
		list_peer(&l, i);
		shown += l.shown;
	}
	if (json)
		printf("%s\n", json_object_to_json_string_ext(l.array,
				       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (!shown)
		printf("nothing is held\n");
	json_object_put(l.array);
	if (l.opened)
		body_client_close(&l.bodies);
	site_close(&l.site);
	return l.code;
}

/* ---- release ---- */

struct release {
	struct front *front;
	struct site site;
	size_t peer;
	const char *id;	  /* its first digits */
	struct hash hash; /* that was found; and in how many accounts */
	uint64_t size;
	size_t found;
	bool several; /* bodies fit it */
};

/* Look, or release what was found. */
static int in_account(
	struct release *r, const char *name, bool act, struct err *err)
{
	uint64_t origin = r->site.peers[r->peer].origin;
	uint64_t least = held_links_least(&r->site.config.peers[r->peer]);
	AUTO_ARENA struct arena arena = {0};
	struct held_body *list;
	struct account a;
	size_t count = 0;
	int rc = begun_open(&r->site, name, &a, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = replica_begin(a.replica, err);
	if (rc >= 0)
		rc = held_list(
			a.replica, origin, least, &arena, &list, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		char hex[HASH_HEX];

		hash_hex(&list[i].hash, hex);
		if (strncmp(hex, r->id, strlen(r->id)) != 0)
			continue;
		r->several |= r->found && memcmp(&r->hash, &list[i].hash,
						  sizeof(r->hash)) != 0;
		r->hash = list[i].hash;
		r->size = list[i].size;
		r->found++;
		if (act)
			rc = held_release(
				a.replica, origin, &list[i].hash, err);
	}
	if (rc >= 0)
		rc = replica_commit(a.replica, err);
	replica_rollback(a.replica);
	account_close(&a);
	return rc;
}

static int in_all(struct release *r, bool act, struct err *err)
{
	int rc = 0;

	r->found = 0;
	for (size_t i = 0; i < r->site.account_count && rc >= 0; i++)
		if (site_granted(&r->site, r->peer, r->site.accounts[i].name))
			rc = in_account(r, r->site.accounts[i].name, act, err);
	return rc;
}

static int release_one(struct release *r, struct err *err)
{
	const char *peer = r->site.config.peers[r->peer].name;
	size_t len = strlen(r->id);

	if (len < ID_LEAST || strspn(r->id, "0123456789abcdef") != len)
		return err_set(err, ERR_USAGE,
			"\"%s\" is no ID (packetboat held %s prints them)",
			r->id, peer);
	int rc = in_all(r, false, err);
	if (rc < 0)
		return rc;
	if (!r->found)
		return err_set(err, ERR_USAGE,
			"nothing with the ID %s is held for peer %s "
			"(packetboat held %s)",
			r->id, peer, peer);
	if (r->several)
		return err_set(err, ERR_USAGE,
			"several bodies have an ID that begins with %s (give "
			"more of its digits)",
			r->id);
	rc = in_all(r, true, err);
	if (rc >= 0)
		log_say(&r->front->log, LOG_LEVEL_INFO,
			"peer %s: %s is released (%llu bytes): it goes with "
			"the next contact, by whichever link",
			peer, r->id, (unsigned long long)r->size);
	return rc;
}

static int release(struct front *f, const char *peer, int count, char **ids)
{
	struct release r = {.front = f};
	struct err err = ERR_INIT;
	int code = EXIT_DONE;

	if (site_open(&r.site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	int at = site_peer(&r.site, peer);
	if (at < 0)
		code = unknown_peer(f, &r.site, peer);
	r.peer = at < 0 ? 0 : (size_t)at;
	for (int i = 0; i < count && at >= 0; i++) {
		struct err one = ERR_INIT;

		r.id = ids[i];
		r.several = false;
		if (release_one(&r, &one) < 0)
			code = exit_worse(code, front_fail(f, &one));
	}
	site_close(&r.site);
	return code;
}

int command_held(struct front *f, int argc, char **argv)
{
	const char *peer = NULL;
	bool json = false;

	if (argc >= 4 && strcmp(argv[1], "release") == 0)
		return release(f, argv[2], argc - 3, argv + 3);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0 && !json)
			json = true;
		else if (argv[i][0] != '-' && !peer &&
			 strcmp(argv[i], "release") != 0)
			peer = argv[i];
		else
			return front_usage(f, argv[0]);
	}
	return list(f, json, peer);
}
