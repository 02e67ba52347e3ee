#include "site_damage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkup.h"
#include "err.h"
#include "hash.h"
#include "site.h"
#include "store.h"

#define ACCOUNT "alice"
#define NS_PER_S INT64_C(1000000000)
#define ROUNDS 3 /* until the sites are equal */
#define FILE_MAX (1 << 24)

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

/* ---- mail as text ---- */

struct listing {
	struct store *store;
	bool bodies; /* names and bodies only */
	struct buf *to;
};

static int add_message(const struct listing *l, const char *folder,
	const struct store_view *v, const struct store_message *m,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_BUF struct buf body = BUF_INIT;
	struct os *os = l->store->os;
	char hex[HASH_HEX];
	struct store_stat st;
	int fd;
	int rc = l->store->ops->open(
		l->store, folder, m->base, NULL, &fd, &st, err);

	if (rc < 0)
		return rc;
	rc = os_read_all(
		os, fd, buf_room(&body, st.size), st.size, 0, m->base, err);
	os->ops->close(os, fd);
	if (rc < 0)
		return rc;
	struct hash hash = hash_of(body.data, st.size);
	hash_hex(&hash, hex);
	buf_printf(l->to, "%s %s\n", m->base, hex);
	if (!l->bodies)
		buf_printf(l->to, "  %s %u %s %s %s\n", folder, m->uid,
			m->letters, store_message_keywords(v, m, &arena),
			m->extra);
	return 0;
}

/* Nothing, where there is no mail yet. */
static int list_mail(struct sites *s, bool source, bool bodies, struct buf *to,
	struct err *err)
{
	struct listing l = {.bodies = bodies, .to = to};
	struct store_list folders = {0};
	int rc = sites_mail(s, source, &l.store, err);

	if (rc < 0)
		return rc == ERR_ABSENT ? 0 : rc;
	rc = l.store->ops->list(l.store, &folders, err);
	for (size_t i = 0; rc >= 0 && i < folders.folder_count; i++) {
		const char *path = folders.folders[i].path;
		struct store_view v = {0};

		rc = l.store->ops->view(l.store, path, STORE_LOCKED, &v, err);
		for (size_t k = 0; rc >= 0 && k < v.count; k++)
			rc = add_message(&l, path, &v, &v.messages[k], err);
		if (rc == ERR_ABSENT)
			rc = 0; /* an INBOX that nobody made */
		store_view_free(&v);
	}
	store_list_free(&folders);
	l.store->ops->close(l.store);
	return rc;
}

/* Is the mail what it was, and nothing there that never was? */
static int is_unspoilt(const struct point *p, struct sites *s, struct err *err)
{
	AUTO_BUF struct buf source = BUF_INIT;
	AUTO_BUF struct buf target = BUF_INIT;
	int rc = list_mail(s, true, false, &source, err);

	if (rc >= 0 && strcmp(buf_str(&source), p->source_mail) != 0)
		return err_set(err, ERR_CORRUPT,
			"the source's mail was\n%s"
			"and is\n%s",
			p->source_mail, buf_str(&source));
	if (rc >= 0)
		rc = list_mail(s, false, true, &target, err);
	AUTO_FREE char *lines = mem_dup(buf_str(&target));
	for (char *line = rc >= 0 ? strtok(lines, "\n") : NULL; line;
		line = strtok(NULL, "\n"))
		if (!strstr(p->bodies, line))
			return err_set(err, ERR_CORRUPT,
				"at the target, and was never anywhere: %s",
				line);
	return rc;
}

/* ---- points ---- */

static void add_file(struct point *p, const char *path)
{
	struct damaged_file f = {.path = mem_dup(path)};
	struct err err = ERR_INIT;

	if (file_read(p->sites.os, path, FILE_MAX, &f.data, &err) < 0)
		die("undamaged", &err);
	if (!f.data.len) { /* a lock, an empty journal */
		free(f.path);
		buf_free(&f.data);
		return;
	}
	f.pages = strstr(path, "/state.db") != NULL;
	p->files = mem_grow(p->files, p->file_count + 1, sizeof(*p->files));
	p->files[p->file_count++] = f;
}

static void add_tree(struct point *p, const char *dir)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (p->sites.os->ops->list(p->sites.os, dir, &list) < 0)
		return;
	while (os_list_next(&list, &at, &entry)) {
		AUTO_FREE char *path = mem_printf("%s/%s", dir, entry.name);

		if (entry.type == DT_DIR)
			add_tree(p, path);
		else
			add_file(p, path);
	}
}

static struct point *add_point(struct point *p, const char *name,
	const struct sites *s, const struct promises *promises, enum step next)
{
	AUTO_BUF struct buf source = BUF_INIT;
	AUTO_BUF struct buf bodies = BUF_INIT;
	struct err err = ERR_INIT;

	*p = (struct point){.name = name, .next = next};
	sites_on(&p->sites, s, simdisk_clone(s->disk));
	p->promises = promises_copy(promises);
	if (list_mail(&p->sites, true, false, &source, &err) < 0 ||
		list_mail(&p->sites, true, true, &bodies, &err) < 0 ||
		list_mail(&p->sites, false, true, &bodies, &err) < 0)
		die(name, &err);
	p->source_mail = mem_dup(buf_str(&source));
	p->bodies = mem_dup(buf_str(&bodies));
	return p;
}

static bool has_bodies(struct sites *s)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (s->os->ops->list(s->os, "/b/bodies", &list) < 0)
		return false;
	while (os_list_next(&list, &at, &entry))
		if (strstr(entry.name, ".body"))
			return true;
	return false;
}

/* The applier was killed when it had received bodies and not placed them. */
static void stop_with_bodies(struct sites *s)
{
	struct err ignored = ERR_INIT;

	for (uint64_t n = 1;; n++) {
		struct sites t;

		sites_on(&t, s, simdisk_clone(s->disk));
		simdisk_stop_at(t.disk, n);
		sites_step(&t, STEP_APPLY, NULL, &ignored);
		bool fired = simdisk_fired(t.disk);
		simdisk_kill(t.disk);
		simdisk_faults_clear(t.disk);
		if (!fired || has_bodies(&t)) {
			simdisk_free(s->disk);
			sites_on(s, &t, t.disk);
			return;
		}
		simdisk_free(t.disk);
	}
}

static void step(struct sites *s, enum step step, struct promises *promises)
{
	struct err err = ERR_INIT;

	simdisk_pass(s->disk, 3 * NS_PER_S);
	if (sites_step(s, step, promises, &err) < 0)
		die("undamaged", &err);
}

size_t points_make(struct point *points)
{
	struct point *p = points;
	struct promises promises = {0};
	struct sites s, stopped;

	sites_make(&s, simdisk_new(1));
	mailuser_trip(&s.user, 0);
	for (int i = 0; i < STEP_COUNT; i++)
		step(&s, (enum step)i, &promises);
	mailuser_trip(&s.user, 1);
	step(&s, STEP_WRITE, &promises);
	add_tree(add_point(p++, "written", &s, &promises, STEP_SHIP), "/a/log");
	step(&s, STEP_SHIP, &promises);
	add_point(p, "shipped", &s, &promises, STEP_COLLECT);
	add_tree(p, "/a");
	add_tree(p, "/b");
	add_tree(p++, "/stick");
	step(&s, STEP_COLLECT, &promises);
	add_tree(add_point(p++, "collected", &s, &promises, STEP_APPLY),
		"/b/inbox");
	sites_on(&stopped, &s, simdisk_clone(s.disk));
	stop_with_bodies(&stopped);
	add_tree(add_point(p++, "placing", &stopped, &promises, STEP_APPLY),
		"/b/bodies");
	simdisk_free(stopped.disk);
	step(&s, STEP_APPLY, &promises);
	step(&s, STEP_ACKNOWLEDGE, &promises);
	add_tree(add_point(p++, "acknowledged", &s, &promises, STEP_HEAR),
		"/stick");
	step(&s, STEP_HEAR, &promises);
	add_tree(add_point(p++, "heard", &s, &promises, STEP_SETTLE),
		"/a/inbox");
	promises_free(&promises);
	simdisk_free(s.disk);
	return (size_t)(p - points);
}

/* ---- a check ---- */

static void note_found(void *arg, const struct err *err)
{
	struct err *first = arg;

	if (!first->code)
		*first = *err;
}

/* What `packetboat check` finds at a site, the first of it. */
static void check_site(struct sites *s, bool source, struct err *found)
{
	struct config_link link = {.name = "", .via = "dir:/stick"};
	struct config_peer peer = {
		.name = source ? "b" : "a", .links = &link, .link_count = 1};
	struct config_account account = {.name = ACCOUNT};
	struct key_public key = source ? s->b.pub : s->a.pub;
	struct peerkeys_known known = {.configured = key, .ring = {.key = key}};
	const char *state = source ? "/a" : "/b";
	AUTO_FREE char *inbox = mem_printf("%s/inbox", state);
	AUTO_FREE char *bodies = mem_printf("%s/bodies", state);
	struct site site = {.os = s->os,
		.config = {.state = state, .peers = &peer, .peer_count = 1},
		.key = source ? s->a : s->b,
		.peers = &key,
		.peerkeys = &known,
		.accounts = &account,
		.account_count = 1,
		.inbox_dir = inbox,
		.bodies_dir = bodies};
	struct checkup c = {.site = &site, .found = note_found, .arg = found};

	checkup_site(&c);
}

static bool check_finds(struct sites *s, struct err *found)
{
	*found = (struct err)ERR_INIT;
	check_site(s, true, found);
	check_site(s, false, found);
	return found->code != 0;
}

/* ---- damage ---- */

/* At byte `at` of an open file. */
static void put_byte(
	struct os *os, int fd, const struct damaged_file *f, size_t at, int xor)
{
	uint8_t byte = (uint8_t)(f->data.data[at] ^ xor);

	os->ops->pwrite(os, fd, &byte, 1, (int64_t)at);
}

static int bit_of(const struct damage *d)
{
	return 1 << ((d->at * 5 + d->at / 8) % 8);
}

static void do_damage(
	struct sites *s, const struct damaged_file *f, const struct damage *d)
{
	struct os *os = s->os;
	int fd = os->ops->open(os, f->path, O_RDWR, 0);

	if (d->cut)
		os->ops->ftruncate(os, fd, (int64_t)d->at);
	else
		put_byte(os, fd, f, d->at, bit_of(d));
	os->ops->fsync(os, fd);
	os->ops->close(os, fd);
}

/* Somebody puts it right, if it is still as it was made. */
static void undo_damage(
	struct sites *s, const struct damaged_file *f, const struct damage *d)
{
	struct os *os = s->os;
	int fd = os->ops->open(os, f->path, O_RDWR, 0);
	uint8_t now = 0;
	struct os_stat st;

	if (fd < 0)
		return;
	if (os->ops->fstat(os, fd, &st) < 0)
		st.size = 0;
	if (d->cut && st.size == (int64_t)d->at)
		os->ops->pwrite(os, fd, f->data.data + d->at,
			f->data.len - d->at, (int64_t)d->at);
	else if (!d->cut &&
		 os->ops->pread(os, fd, &now, 1, (int64_t)d->at) == 1 &&
		 now == (f->data.data[d->at] ^ bit_of(d)))
		put_byte(os, fd, f, d->at, 0);
	os->ops->fsync(os, fd);
	os->ops->close(os, fd);
}

/* Every program, whatever the others said. Returns: did any say anything? */
static bool go_on(struct sites *s, enum step first)
{
	bool said = false;
	int step = (int)first;

	for (int round = 0; round < ROUNDS; round++) {
		for (; step < STEP_COUNT; step++) {
			struct err err = ERR_INIT;

			simdisk_pass(s->disk, 3 * NS_PER_S);
			if (sites_step(s, (enum step)step, NULL, &err) < 0)
				said = true;
		}
		step = 0;
	}
	return said;
}

static int is_safe(const struct point *p, struct sites *s, struct err *err)
{
	int rc = is_unspoilt(p, s, err);

	if (rc >= 0)
		rc = sites_uids(s, &p->promises, err);
	if (rc >= 0 && simdisk_open_files(s->disk))
		rc = err_set(err, ERR_IO, "files left open");
	return rc;
}

static int ends_well(const struct point *p, struct sites *s,
	const struct damage *d, bool told, struct err *err)
{
	bool said = go_on(s, p->next);
	struct err found;
	int rc = is_safe(p, s, err);

	if (rc < 0)
		return err_wrap(err, "damaged");
	rc = sites_equal(s, err);
	if (rc < 0 && !told && !said)
		return err_wrap(err, "nobody says why");
	if (rc >= 0 && !check_finds(s, &found))
		return 0;
	undo_damage(s, &p->files[d->file], d);
	go_on(s, STEP_WRITE);
	rc = is_safe(p, s, err);
	if (rc >= 0)
		rc = sites_equal(s, err);
	if (rc >= 0 && check_finds(s, &found)) {
		*err = found;
		rc = err->code;
	}
	return rc < 0 ? err_wrap(err, "put right") : 0;
}

int damage_try(const struct point *p, const struct damage *d, struct err *err)
{
	struct err found;
	struct sites s;
	int rc = 0;

	sites_on(&s, &p->sites, simdisk_clone(p->sites.disk));
	simdisk_set_pid(s.disk, 2000);
	do_damage(&s, &p->files[d->file], d);
	bool told = check_finds(&s, &found);
	if (d->whole || !told)
		rc = ends_well(p, &s, d, told, err);
	simdisk_free(s.disk);
	return rc;
}
