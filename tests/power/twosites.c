#include "twosites.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "carrier.h"
#include "collect.h"
#include "err.h"
#include "handover.h"
#include "maildir.h"
#include "report.h"
#include "round.h"
#include "segment.h"
#include "vfs.h"

#define VIA "dir:/stick"
/* As the writer: what has no UID yet, or moves, is looked at again. */
#define LOOKS 3
#define LOOK_NS INT64_C(2200000000)
#define LATE_MS 900000
#define TRASH_AGE_S (30 * 86400)
#define TRASH_BYTES (UINT64_C(1) << 30)

const char *const step_names[STEP_COUNT] = {
	"write", "ship", "collect", "apply", "acknowledge", "hear", "settle"};

/* One of the two sites. */
struct side {
	struct sites *sites;
	const char *state, *mail, *inbox, *bodies, *peer_name;
	const struct key_pair *self;
	const struct key_public *peer;
	bool source;
};

struct applying {
	const struct side *side;
	struct err err; /* the first */
};

static struct side side_of(struct sites *s, bool source)
{
	if (source)
		return (struct side){s, "/a", "/am", "/a/inbox/b", "/a/bodies",
			"b", &s->a, &s->b.pub, true};
	return (struct side){s, "/b", "/bm", "/b/inbox/a", "/b/bodies", "a",
		&s->b, &s->a.pub, false};
}

void promises_forget(struct promises *p)
{
	for (size_t i = 0; i < p->mail_count; i++)
		free(p->mails[i]);
	free(p->mails);
	free(p->logs);
	*p = (struct promises){.seen = p->seen, .seen_count = p->seen_count};
}

void promises_free(struct promises *p)
{
	promises_forget(p);
	for (size_t i = 0; i < p->seen_count; i++) {
		for (uint32_t uid = 0; uid < p->seen[i].uidnext; uid++)
			free(p->seen[i].bases[uid]);
		free(p->seen[i].bases);
	}
	free(p->seen);
	*p = (struct promises){0};
}

static struct seen seen_copy(const struct seen *n)
{
	struct seen c = *n;

	c.bases = mem_array(c.uidnext + 1, sizeof(*c.bases));
	for (uint32_t uid = 0; uid < c.uidnext; uid++)
		if (n->bases[uid])
			c.bases[uid] = mem_dup(n->bases[uid]);
	return c;
}

struct promises promises_copy(const struct promises *p)
{
	struct promises c = *p;

	c.mails = mem_array(p->mail_count + 1, sizeof(*c.mails));
	for (size_t i = 0; i < p->mail_count; i++)
		c.mails[i] = mem_dup(p->mails[i]);
	c.logs = mem_array(p->log_count + 1, sizeof(*c.logs));
	for (size_t i = 0; i < p->log_count; i++)
		c.logs[i] = p->logs[i];
	c.seen = mem_array(p->seen_count + 1, sizeof(*c.seen));
	for (size_t i = 0; i < p->seen_count; i++)
		c.seen[i] = seen_copy(&p->seen[i]);
	return c;
}

/* ---- making ---- */

void sites_on(struct sites *s, const struct sites *as, struct simdisk *disk)
{
	*s = *as;
	s->disk = disk;
	s->os = simdisk_os(disk);
	s->user.os = s->os;
}

void sites_make(struct sites *s, struct simdisk *disk)
{
	static const char *const dirs[] = {"/am", "/bm", "/a", "/b", "/stick"};
	uint8_t seed[32] = {1};

	*s = (struct sites){.disk = disk, .os = simdisk_os(disk)};
	s->user = (struct mailuser){.os = s->os, .root = "/am"};
	key_from_seed(seed, &s->a);
	seed[0] = 2;
	key_from_seed(seed, &s->b);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		s->os->ops->mkdir(s->os, dirs[i], 0700);
	carrier_media_init(s->os, "/stick", NULL);
}

static int open_store(
	const struct side *w, bool make, struct store **ret, struct err *err)
{
	struct maildir_config config = {.root = w->mail,
		.layout = MAILDIR_PLUSPLUS,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.dovecot = true};

	return maildir_open(w->sites->os, &config, make, ret, err);
}

int sites_mail(
	struct sites *s, bool source, struct store **ret, struct err *err)
{
	struct side w = side_of(s, source);

	return open_store(&w, false, ret, err);
}

/* ---- capture ---- */

static int look(const struct side *w, struct err *err)
{
	struct capture_config capture = {.claim = w->source,
		.guard_percent = 50,
		.guard_least = 100,
		.give_uids = true};
	struct capture_result captured;
	struct store *store = NULL;
	struct account a;
	int rc = account_open(&a, w->sites->os, w->state, ACCOUNT,
		w->self->pub.origin, true, err);

	if (rc < 0)
		return rc;
	rc = account_lock(&a, 0, err);
	if (rc >= 0)
		rc = open_store(w, false, &store, err);
	for (int i = 0; rc >= 0 && i <= LOOKS; i++) {
		rc = capture_account(&a, store, &capture, &captured, err);
		if (!captured.waiting)
			break;
		simdisk_pass(w->sites->disk, LOOK_NS);
	}
	if (store)
		store->ops->close(store);
	account_close(&a);
	return rc < 0 ? rc : 0;
}

/* ---- shipping ---- */

static int body_of(void *arg, const char *account, const struct hash *hash,
	uint64_t offset, size_t max, struct buf *ret, uint64_t *ret_size,
	struct err *err)
{
	const struct side *w = arg;
	struct os *os = w->sites->os;
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	struct replica_folder f;
	struct store_stat st;
	struct store *store = NULL;
	struct account a;
	int fd = -1;
	int rc = account_open(
		&a, os, w->state, account, w->self->pub.origin, false, err);

	if (rc < 0)
		return rc;
	rc = replica_message_by_hash(a.replica, hash, NULL, &arena, &m, err);
	if (rc == 0)
		rc = replica_folder_by_row(
			a.replica, m.p_folder, &arena, &f, err);
	if (rc > 0)
		rc = err_set(err, ERR_ABSENT, "no mail has it");
	if (rc == 0)
		rc = open_store(w, false, &store, err);
	if (rc == 0)
		rc = store->ops->open(
			store, f.p_path, m.p_base, NULL, &fd, &st, err);
	if (rc >= 0) {
		size_t len = st.size - offset < max ? (size_t)(st.size - offset)
						    : max;

		*ret_size = st.size;
		rc = os_read_all(os, fd, buf_room(ret, len), len,
			(int64_t)offset, "body", err);
		if (rc >= 0)
			ret->len += len;
	}
	if (fd >= 0)
		os->ops->close(os, fd);
	if (store)
		store->ops->close(store);
	account_close(&a);
	return rc < 0 ? rc : 0;
}

static bool holds_parcels(const struct side *w)
{
	AUTO_BUF struct buf names = BUF_INIT;

	return w->sites->os->ops->list(w->sites->os, w->inbox, &names) == 0 &&
	       names.len;
}

static int ship(struct side *w, struct err *err)
{
	static const char *const accounts[] = {ACCOUNT};
	struct handover_config config = {.os = w->sites->os,
		.brief_least = 1,
		.state_dir = w->state,
		.self = w->self,
		.peer = w->peer,
		.send_changes = true,
		.take_changes = true,
		.unread = holds_parcels(w),
		.level = 3,
		.link = "",
		.accounts = accounts,
		.account_count = 1,
		.body = body_of,
		.body_arg = w};
	struct handover_result handed;
	struct carrier *c;
	int rc = carrier_open(&(struct carrier_place){.os = w->sites->os,
				      .self = w->self->pub.origin},
		VIA, &c, err);

	if (rc < 0)
		return rc;
	rc = c->ops->tidy(c, w->peer->origin, err);
	if (rc >= 0)
		rc = handover_to_carrier(&config, c, &handed, err);
	c->ops->close(c);
	return rc;
}

static int collect(const struct side *w, struct err *err)
{
	struct collect_config config = {.os = w->sites->os,
		.self = w->self->pub.origin,
		.peer = w->peer->origin};
	struct collect_result got = {0};
	struct carrier *c;
	int rc = carrier_open(&(struct carrier_place){.os = w->sites->os,
				      .self = w->self->pub.origin},
		VIA, &c, err);

	if (rc < 0)
		return rc;
	rc = collect_bundles(&config, c, w->inbox, &got, err);
	c->ops->close(c);
	return rc;
}

/* ---- receiving ---- */

static int open_mail(
	void *arg, const char *account, struct store **ret, struct err *err)
{
	const struct applying *a = arg;

	(void)account;
	return open_store(a->side, true, ret, err);
}

static void pass_over(void *arg, bool warning, const char *text)
{
	(void)arg;
	(void)warning;
	(void)text;
}

static void keep_first(void *arg, const struct err *err)
{
	struct applying *a = arg;

	if (!a->err.code)
		a->err = *err;
}

/* What `packetboat apply` does. */
static int apply(const struct side *w, struct err *err)
{
	static const struct round_account account = {
		.name = ACCOUNT, .guard_percent = 50, .guard_least = 100};
	struct applying applying = {.side = w, .err = ERR_INIT};
	struct receive_peer peer = {
		.name = w->peer_name, .key = *w->peer, .takes_changes = true};
	AUTO_FREE char *inbox = mem_printf("%s/inbox", w->state);
	AUTO_FREE char *refused = mem_printf("%s/refused", w->state);
	struct round_config config = {.receive = {.os = w->sites->os,
					      .state_dir = w->state,
					      .bodies_dir = w->bodies,
					      .self = w->self,
					      .peers = &peer,
					      .peer_count = 1},
		.inbox_dir = inbox,
		.refused_dir = refused,
		.accounts = &account,
		.account_count = 1,
		.claim = w->source,
		.late_ms = LATE_MS,
		.trash_age_s = TRASH_AGE_S,
		.trash_size = TRASH_BYTES,
		.open_store = open_mail,
		.say = pass_over,
		.fail = keep_first,
		.arg = &applying};
	int code = round_run(&config, NULL, 0);

	if (applying.err.code) {
		*err = applying.err;
		return err->code;
	}
	return code ? err_set(err, ERR_IO, "exit code %d", code) : 0;
}

/* ---- promises ---- */

struct noting {
	struct promises *p;
	const char *folder;
};

static int note_mail(
	void *arg, const struct replica_message *m, struct err *err)
{
	struct noting *n = arg;

	(void)err;
	n->p->mails = mem_grow(
		n->p->mails, n->p->mail_count + 1, sizeof(*n->p->mails));
	n->p->mails[n->p->mail_count++] =
		mem_printf("%s %s", n->folder, m->p_base);
	return 0;
}

/* The writer has returned: all that it knows is durable. */
static int note_logged(struct sites *s, struct promises *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	struct replica_log *logs;
	struct account a;
	size_t count;
	int rc = account_open(
		&a, s->os, "/a", ACCOUNT, s->a.pub.origin, false, err);

	if (rc < 0)
		return rc;
	promises_forget(p);
	rc = replica_folders(a.replica, &arena, &folders, &count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct noting n = {p, folders[i].p_path};

		if (folders[i].p_path)
			rc = replica_placed_each(
				a.replica, folders[i].id, note_mail, &n, err);
	}
	if (rc >= 0)
		rc = replica_logs(a.replica, &arena, &logs, &count, err);
	p->log_count = rc >= 0 ? count : 0;
	p->logs = mem_array(p->log_count + 1, sizeof(*p->logs));
	for (size_t i = 0; i < p->log_count; i++)
		p->logs[i] = logs[i].known.lsn;
	account_close(&a);
	return rc;
}

/* ---- UIDs that were seen ---- */

static int each_view(struct sites *s, bool source,
	int (*fn)(struct promises *p, bool source, const char *folder,
		const struct store_view *v, struct err *err),
	struct promises *p, struct err *err)
{
	struct store_list list = {0};
	struct store *store;
	int rc = sites_mail(s, source, &store, err);

	if (rc < 0)
		return rc == ERR_ABSENT ? 0 : rc;
	rc = store->ops->list(store, &list, err);
	for (size_t i = 0; rc >= 0 && i < list.folder_count; i++) {
		const char *path = list.folders[i].path;
		struct store_view v = {0};

		rc = store->ops->view(store, path, STORE_LOCKED, &v, err);
		if (rc >= 0)
			rc = fn(p, source, path, &v, err);
		else if (rc == ERR_ABSENT)
			rc = 0;
		store_view_free(&v);
	}
	store_list_free(&list);
	store->ops->close(store);
	return rc;
}

static struct seen *seen_of(
	const struct promises *p, bool source, const struct store_view *v)
{
	const struct store_identity *id = &v->identity;

	for (size_t i = 0; i < p->seen_count; i++) {
		struct seen *n = &p->seen[i];

		if (n->source == source && id->has_guid &&
			id_equal(&n->guid, &id->guid) &&
			n->uidvalidity == id->uidvalidity)
			return n;
	}
	return NULL;
}

/* Adds to what was seen of it before: an expunged message's UID, too. */
static int note_seen(struct promises *p, bool source, const char *folder,
	const struct store_view *v, struct err *err)
{
	const struct store_identity *id = &v->identity;
	struct seen *n = seen_of(p, source, v);

	(void)folder;
	(void)err;
	if (!id->has_guid || !id->uidvalidity)
		return 0;
	if (!n) {
		p->seen =
			mem_grow(p->seen, p->seen_count + 1, sizeof(*p->seen));
		n = &p->seen[p->seen_count++];
		*n = (struct seen){.source = source,
			.guid = id->guid,
			.uidvalidity = id->uidvalidity};
	}
	if (id->uidnext > n->uidnext) {
		n->bases =
			mem_grow(n->bases, id->uidnext + 1, sizeof(*n->bases));
		while (n->uidnext < id->uidnext)
			n->bases[n->uidnext++] = NULL;
	}
	for (size_t i = 0; i < v->count; i++) {
		const struct store_message *m = &v->messages[i];

		if (m->uid && !n->bases[m->uid])
			n->bases[m->uid] = mem_dup(m->base);
	}
	return 0;
}

static int check_seen(struct promises *p, bool source, const char *folder,
	const struct store_view *v, struct err *err)
{
	const struct seen *n = seen_of(p, source, v);

	for (size_t i = 0; n && i < v->count; i++) {
		const struct store_message *m = &v->messages[i];

		if (!m->uid || m->uid >= n->uidnext ||
			(n->bases[m->uid] &&
				!strcmp(n->bases[m->uid], m->base)))
			continue;
		return err_set(err, ERR_CORRUPT,
			"%s, %s: UID %u was %s, and is %s, UIDNEXT was %u",
			source ? "source" : "target", folder, m->uid,
			n->bases[m->uid] ? n->bases[m->uid] : "nobody's",
			m->base, n->uidnext);
	}
	return 0;
}

int sites_uids(struct sites *s, const struct promises *p, struct err *err)
{
	struct promises all = *p;
	int rc = each_view(s, true, check_seen, &all, err);

	return rc < 0 ? rc : each_view(s, false, check_seen, &all, err);
}

int sites_step(
	struct sites *s, enum step step, struct promises *p, struct err *err)
{
	struct side a = side_of(s, true), b = side_of(s, false);
	int rc = 0;

	switch (step) {
	case STEP_WRITE:
		rc = look(&a, err);
		break;
	case STEP_SHIP:
		rc = ship(&a, err);
		if (rc == 0 && p)
			p->shipped = true;
		break;
	case STEP_COLLECT:
		if (p)
			p->shipped = false;
		rc = collect(&b, err);
		break;
	case STEP_APPLY:
		rc = apply(&b, err);
		break;
	case STEP_ACKNOWLEDGE:
		rc = ship(&b, err);
		break;
	case STEP_HEAR:
		rc = collect(&a, err);
		break;
	case STEP_SETTLE:
		rc = apply(&a, err);
		break;
	case STEP_COUNT:
		break;
	}
	if (rc >= 0 && p && step == STEP_WRITE)
		rc = note_logged(s, p, err);
	if (rc >= 0 && p && (step == STEP_WRITE || step == STEP_APPLY))
		rc = each_view(s, step == STEP_WRITE, note_seen, p, err);
	return rc < 0 ? err_wrap(err, "%s", step_names[step]) : 0;
}

/* ---- what must hold ---- */

static int check_whole(struct sites *s, struct account *a, const char *state,
	uint64_t origin, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count;
	int rc = vfs_verify(s->os, state, NULL, err);

	if (rc >= 0)
		rc = report_integrity(a->replica, err);
	if (rc >= 0)
		rc = replica_logs(a->replica, &arena, &logs, &count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct replica_log *l = &logs[i];
		struct log_end end = {
			l->file_lsn, l->known.lsn, l->known.chain, l->size};
		char hex[ID_HEX];

		if (l->known.log.origin != origin || !l->file_lsn)
			continue;
		id_hex(&l->known.log.folder, hex);
		AUTO_FREE char *dir = mem_printf("%s/%s", a->log_dir, hex);

		rc = log_verify(
			s->os, dir, l->known.log.incarnation, &end, err);
	}
	return rc;
}

/* What one believes that the other has, it has. */
static int check_acks(
	struct account *a, struct account *b, uint64_t peer, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs, theirs;
	struct replica_ack ack;
	size_t count;
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		rc = replica_ack_get(a->replica, peer, logs[i].id, &ack, err);
		if (rc < 0 || !ack.durable)
			continue;
		rc = replica_log_get(
			b->replica, &logs[i].known.log, false, &theirs, err);
		if (rc > 0 || (rc == 0 && theirs.known.lsn < ack.durable))
			return err_set(err, ERR_CORRUPT,
				"acknowledged up to %llu and not there",
				(unsigned long long)ack.durable);
	}
	return rc;
}

static int check_logged(
	struct account *a, const struct promises *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	size_t count;
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < p->log_count; i++)
		if (i >= count || logs[i].known.lsn < p->logs[i])
			return err_set(err, ERR_CORRUPT,
				"log %zu: durable up to %llu, and is lost", i,
				(unsigned long long)p->logs[i]);
	return 0;
}

/* A mail that was logged is in the Maildir: a log is never ahead of it. */
static int check_mails(
	struct sites *s, const struct promises *p, struct err *err)
{
	struct store *store;
	int rc = sites_mail(s, true, &store, err);

	for (size_t i = 0; rc >= 0 && i < p->mail_count; i++) {
		const char *base = strchr(p->mails[i], ' ') + 1;
		AUTO_FREE char *folder = mem_dup_n(
			p->mails[i], (size_t)(base - 1 - p->mails[i]));
		struct store_view v = {0};

		rc = store->ops->view(store, folder, STORE_LOCKED, &v, err);
		if (rc >= 0 && !store_view_find(&v, base))
			rc = err_set(err, ERR_CORRUPT,
				"logged, but not in the source: %s",
				p->mails[i]);
		store_view_free(&v);
	}
	if (rc >= 0 || store)
		store->ops->close(store);
	return rc;
}

static int check_shipped(struct sites *s, struct err *err)
{
	struct carrier_list list;
	struct carrier *c;
	int fd;
	int rc = carrier_open(
		&(struct carrier_place){.os = s->os, .self = s->b.pub.origin},
		VIA, &c, err);

	if (rc < 0)
		return rc;
	rc = c->ops->list(c, s->b.pub.origin, &list, err);
	if (rc >= 0) {
		if (!list.count)
			rc = err_set(err, ERR_CORRUPT,
				"a bundle was handed over, and is gone");
		for (size_t i = 0; rc >= 0 && i < list.count; i++) {
			rc = c->ops->get(c, &list.items[i], &fd, err);
			if (rc >= 0)
				s->os->ops->close(s->os, fd);
		}
		carrier_list_free(&list);
	}
	c->ops->close(c);
	return rc;
}

int sites_check(struct sites *s, const struct promises *p, struct err *err)
{
	struct account a = {0}, b = {0};
	bool has_a, has_b;
	int rc = account_open(
		&a, s->os, "/a", ACCOUNT, s->a.pub.origin, false, err);

	has_a = rc >= 0;
	if (rc == ERR_ABSENT)
		rc = p->log_count ? rc : 0;
	if (rc >= 0) {
		rc = account_open(
			&b, s->os, "/b", ACCOUNT, s->b.pub.origin, false, err);
		has_b = rc >= 0;
		if (rc == ERR_ABSENT)
			rc = 0;
	} else {
		has_b = false;
	}
	if (rc >= 0 && has_a)
		rc = check_whole(s, &a, "/a/accounts/" ACCOUNT "/state.db",
			s->a.pub.origin, err);
	if (rc >= 0 && has_b)
		rc = check_whole(s, &b, "/b/accounts/" ACCOUNT "/state.db",
			s->b.pub.origin, err);
	if (rc >= 0 && has_a)
		rc = check_logged(&a, p, err);
	if (rc >= 0 && has_a && has_b)
		rc = check_acks(&a, &b, s->b.pub.origin, err);
	if (has_a)
		account_close(&a);
	if (has_b)
		account_close(&b);
	if (rc >= 0)
		rc = check_mails(s, p, err);
	if (rc >= 0 && p->shipped)
		rc = check_shipped(s, err);
	return rc < 0 ? rc : sites_uids(s, p, err);
}

/* ---- equality ---- */

static int differ(
	struct err *err, const char *folder, const char *what, const char *base)
{
	return err_set(
		err, ERR_CORRUPT, "%s: %s differs: %s", folder, what, base);
}

static int same_body(struct store *x, struct store *y, const char *folder,
	const struct store_message *m, struct err *err)
{
	AUTO_BUF struct buf one = BUF_INIT;
	AUTO_BUF struct buf other = BUF_INIT;
	struct store *const of[] = {x, y};
	struct buf *const to[] = {&one, &other};
	struct store_stat st[2];

	for (int i = 0; i < 2; i++) {
		struct os *os = of[i]->os;
		int fd;
		int rc = of[i]->ops->open(
			of[i], folder, m->base, NULL, &fd, &st[i], err);

		if (rc < 0)
			return rc;
		rc = os_read_all(os, fd, buf_room(to[i], st[i].size),
			st[i].size, 0, m->base, err);
		os->ops->close(os, fd);
		if (rc < 0)
			return rc;
		to[i]->len = st[i].size;
	}
	if (st[0].mtime != st[1].mtime || one.len != other.len ||
		(one.len && memcmp(one.data, other.data, one.len)))
		return differ(err, folder, "body or date", m->base);
	return 0;
}

static int same_message(struct store *x, struct store *y, const char *folder,
	const struct store_view *v, const struct store_view *w, size_t i,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const struct store_message *m = &v->messages[i], *n = &w->messages[i];

	if (strcmp(m->base, n->base))
		return differ(err, folder, "name",
			strcmp(m->base, n->base) < 0 ? m->base : n->base);
	if (m->uid != n->uid || strcmp(m->extra, n->extra))
		return differ(err, folder, "UID or field", m->base);
	if (strcmp(m->letters, n->letters) ||
		strcmp(store_message_keywords(v, m, &arena),
			store_message_keywords(w, n, &arena)))
		return differ(err, folder, "flag", m->base);
	return same_body(x, y, folder, m, err);
}

static int same_folder(
	struct store *x, struct store *y, const char *folder, struct err *err)
{
	struct store_view v = {0}, w = {0};
	int rc = x->ops->view(x, folder, STORE_LOCKED, &v, err);

	if (rc >= 0)
		rc = y->ops->view(y, folder, STORE_LOCKED, &w, err);
	/* An INBOX is nobody's before its first mail. */
	bool nobodys = !v.count && !w.identity.uidvalidity;
	if (rc >= 0 && !nobodys &&
		(v.identity.uidvalidity != w.identity.uidvalidity ||
			!id_equal(&v.identity.guid, &w.identity.guid) ||
			w.identity.uidnext < v.identity.uidnext))
		rc = err_set(err, ERR_CORRUPT,
			"%s: UIDVALIDITY %u and %u, UIDNEXT %u and %u, or "
			"GUIDs",
			folder, v.identity.uidvalidity, w.identity.uidvalidity,
			v.identity.uidnext, w.identity.uidnext);
	if (rc >= 0 && v.count != w.count)
		rc = err_set(err, ERR_CORRUPT, "%s: %zu messages and %zu",
			folder, v.count, w.count);
	for (size_t i = 0; rc >= 0 && i < v.count; i++)
		rc = same_message(x, y, folder, &v, &w, i, err);
	store_view_free(&v);
	store_view_free(&w);
	return rc;
}

static int same_lists(
	const struct store_list *x, const struct store_list *y, struct err *err)
{
	if (x->folder_count != y->folder_count)
		return err_set(err, ERR_CORRUPT, "%zu folders and %zu",
			x->folder_count, y->folder_count);
	for (size_t i = 0; i < x->folder_count; i++)
		if (strcmp(x->folders[i].path, y->folders[i].path))
			return differ(
				err, x->folders[i].path, "name", "folder");
	if (x->subscribed_count != y->subscribed_count)
		return err_set(err, ERR_CORRUPT, "%zu subscriptions and %zu",
			x->subscribed_count, y->subscribed_count);
	for (size_t i = 0; i < x->subscribed_count; i++)
		if (strcmp(x->subscribed[i], y->subscribed[i]))
			return differ(err, x->subscribed[i], "subscription",
				y->subscribed[i]);
	return 0;
}

int sites_equal(struct sites *s, struct err *err)
{
	struct store *x = NULL, *y = NULL;
	struct store_list there = {0}, here = {0};
	int rc = sites_mail(s, true, &x, err);

	if (rc >= 0)
		rc = sites_mail(s, false, &y, err);
	if (rc >= 0)
		rc = x->ops->list(x, &there, err);
	if (rc >= 0)
		rc = y->ops->list(y, &here, err);
	if (rc >= 0)
		rc = same_lists(&there, &here, err);
	for (size_t i = 0; rc >= 0 && i < there.folder_count; i++)
		rc = same_folder(x, y, there.folders[i].path, err);
	store_list_free(&there);
	store_list_free(&here);
	if (x)
		x->ops->close(x);
	if (y)
		y->ops->close(y);
	return rc;
}
