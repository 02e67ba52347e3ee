/*
 * scan: a folder as read at one moment.
 *
 * A view is right if and only if
 * (1) new/ is read before cur/: a message moves only that way, so it is in
 *     one of the two readings, or in both, with the same inode;
 * (2) each directory is read by one call (struct os_ops.list); and
 * (3) nothing moved meanwhile: the folder's times before and after are equal
 *     and older than the kernel's tick, or its lock was held.
 *
 * In a folder with a lock a view that fails (3) is read again, a few times,
 * and then under the lock. A plain Maildir has no lock: there a view counts
 * when it lacks no message that the reading before it had.
 *
 * Only regular files are messages, and their names begin with no dot. No call
 * is made per message. 100,000 messages take some 25 MiB.
 */
#include "maildir_private.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TICK_NS (20 * NS_PER_MS) /* the coarsest that kernels stamp files */
#define TRIES_BEFORE_LOCK 4
#define TRIES_PLAIN 50

/* A file name on its way to become a message. */
struct found {
	uint64_t key; /* of the base, from where bases begin to differ */
	const char *name;
	const char *flags;
	uint64_t ino;
	uint16_t base_len;
	bool in_new;
	bool doubled;
};

struct scan {
	struct maildir *m;
	const struct folder *f;
	struct buf names_new, names_cur; /* as listed */
	struct found *found;
	size_t count, cap;
	struct store_pending *pending;
	size_t pending_count, pending_cap;
	struct store_view view;
	bool torn;
};

static void scan_release(struct scan *s)
{
	buf_free(&s->names_new);
	buf_free(&s->names_cur);
	free(s->found);
	s->found = NULL;
	free(s->pending);
	s->pending = NULL;
}

/* ---- directories ---- */

static int list_in(
	struct scan *s, const char *name, struct buf *ret, struct err *err)
{
	AUTO_FREE char *dir = path_join(s->f->dir, name);
	struct os *os = s->m->store.os;
	int r;

	/* A new/ that is not there is empty; cur/ was seen to be there. */
	if (!is_directory(os, dir))
		return 0;
	r = os->ops->list(os, dir, ret);
	return r < 0 ? err_set_os(err, -r, "list %s", dir) : 0;
}

static int take_names(
	struct scan *s, const struct buf *names, bool in_new, struct err *err)
{
	struct os_entry e;
	size_t at = 0;

	while (os_list_next(names, &at, &e)) {
		struct maildir_name parsed;

		if ((e.type != DT_REG && e.type != DT_UNKNOWN) ||
			maildir_name_parse(e.name, &parsed) != 0)
			continue;
		if (s->count == MESSAGES_MAX)
			return err_set(err, ERR_LIMIT,
				"folder %s: more than %zu messages", s->f->path,
				MESSAGES_MAX);
		if (s->count == s->cap) {
			s->cap = s->cap ? s->cap + s->cap / 2 : 64;
			s->found =
				mem_grow(s->found, s->cap, sizeof(*s->found));
		}
		s->found[s->count++] = (struct found){
			.name = e.name,
			.flags = parsed.flags,
			.ino = e.ino,
			.base_len = (uint16_t)parsed.base_len,
			.in_new = in_new,
		};
	}
	return 0;
}

/* ---- order ---- */

/* Bases of one folder begin alike; comparing starts where they differ. */
static size_t common_prefix(const struct scan *s)
{
	size_t len = s->count ? s->found[0].base_len : 0;

	for (size_t i = 1; i < s->count; i++) {
		const struct found *f = &s->found[i];
		size_t k = 0;

		if (len > f->base_len)
			len = f->base_len;
		while (k < len && f->name[k] == s->found[0].name[k])
			k++;
		len = k;
	}
	return len;
}

/* Eight bytes from there, zeros behind the end: ordered as strcmp orders. */
static void set_keys(struct scan *s)
{
	size_t from = common_prefix(s);

	for (size_t i = 0; i < s->count; i++) {
		struct found *f = &s->found[i];

		f->key = 0;
		for (size_t k = from; k < from + 8; k++)
			f->key = f->key << 8 |
				 (k < f->base_len ? (uint8_t)f->name[k] : 0);
	}
}

static int compare_bases(const struct found *x, const struct found *y)
{
	size_t len = x->base_len < y->base_len ? x->base_len : y->base_len;
	int r = memcmp(x->name, y->name, len);

	return r ? r : (int)x->base_len - (int)y->base_len;
}

/* By base; of the same base, what is in cur/ first. */
static int compare_found(const void *a, const void *b)
{
	const struct found *x = a;
	const struct found *y = b;
	int r;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	r = compare_bases(x, y);
	return r ? r : (int)x->in_new - (int)y->in_new;
}

/*
 * One entry per base. The same inode in new/ and then in cur/ is a message
 * that was moved while we looked; anything else of one base is two files.
 */
static void merge_doubles(struct scan *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct found *last = kept ? &s->found[kept - 1] : NULL;
		const struct found *f = &s->found[i];

		if (!last || last->key != f->key || compare_bases(last, f)) {
			s->found[kept++] = *f;
			continue;
		}
		if (last->ino != f->ino || last->in_new == f->in_new)
			last->doubled = true;
	}
	s->count = kept;
}

/* ---- messages ---- */

/* Few sets of letters serve many messages. */
#define LETTERS_KEPT 32
struct letters {
	const char *kept[LETTERS_KEPT];
	size_t count;
	struct buf b;
};

static const char *letters_of(
	struct letters *l, const char *flags, struct arena *arena)
{
	const char *s;

	buf_clear(&l->b);
	name_letters(flags, &l->b);
	/* A second set is somebody else's, and not shown. */
	l->b.len = strcspn(buf_str(&l->b), ",");
	if (!l->b.len)
		return "";
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->kept[i], buf_str(&l->b)) == 0)
			return l->kept[i];
	}
	s = arena_dup(arena, buf_str(&l->b), l->b.len);
	if (l->count < LETTERS_KEPT)
		l->kept[l->count++] = s;
	return s;
}

static void make_message(struct scan *s, const struct found *f, uint32_t named,
	struct letters *letters, struct store_message *to)
{
	struct arena *arena = &s->view.arena;
	size_t len = f->base_len + strlen(f->name + f->base_len);
	uint32_t keywords = name_keywords(f->flags);

	to->name = arena_dup(arena, f->name, len);
	to->base = len == f->base_len ? to->name
				      : arena_dup(arena, f->name, f->base_len);
	to->letters = letters_of(letters, f->flags, arena);
	to->extra = "";
	to->keywords = keywords & named;
	to->unresolved = (keywords & ~named) != 0;
	to->ino = f->ino;
	to->in_new = f->in_new;
	to->doubled = f->doubled;
}

static void make_messages(struct scan *s)
{
	struct store_view *v = &s->view;
	struct letters letters = {.count = 0};
	uint32_t named = 0;

	for (unsigned int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if (v->keywords[i])
			named |= UINT32_C(1) << i;
	}
	v->messages = arena_alloc(&v->arena, s->count * sizeof(*v->messages));
	v->count = s->count;
	for (size_t i = 0; i < s->count; i++)
		make_message(s, &s->found[i], named, &letters, &v->messages[i]);
	buf_free(&letters.b);
}

static int read_messages(struct scan *s, struct err *err)
{
	int r = list_in(s, "new", &s->names_new, err);

	if (r == 0)
		r = list_in(s, "cur", &s->names_cur, err);
	if (r == 0)
		r = take_names(s, &s->names_new, true, err);
	if (r == 0)
		r = take_names(s, &s->names_cur, false, err);
	if (r < 0)
		return r;
	set_keys(s);
	if (s->count)
		qsort(s->found, s->count, sizeof(*s->found), compare_found);
	merge_doubles(s);
	make_messages(s);
	scan_release(s);
	return 0;
}

/* ---- control files ---- */

static int read_keywords(struct scan *s, struct err *err)
{
	AUTO_FREE char *path = path_join(s->f->control, KEYWORDS_FILE);
	AUTO_BUF struct buf data = BUF_INIT;
	int r = control_read(
		s->m->store.os, path, KEYWORDS_SIZE_MAX, &data, NULL, err);

	if (r < 0)
		return r;
	r = keywords_parse(
		data.data, data.len, &s->view.arena, s->view.keywords, err);
	return r < 0 ? err_wrap(err, "folder %s", s->f->path) : 0;
}

/* UIDs mostly grow as bases do: look next to the last one first. */
const struct store_message *scan_find(
	const struct store_view *view, struct slice base, size_t *hint)
{
	const struct store_message *m = NULL;
	char text[STORE_BASE_MAX + 1];

	memcpy(text, base.at, base.len);
	text[base.len] = '\0';
	if (*hint < view->count &&
		strcmp(view->messages[*hint].base, text) == 0)
		m = &view->messages[*hint];
	else
		m = store_view_find(view, text);
	if (m)
		*hint = (size_t)(m - view->messages) + 1;
	return m;
}

/* Freed with the scan; what is kept of it is copied to the view's arena. */
static void add_pending(struct scan *s, const struct uidlist_slice *line)
{
	if (s->pending_count == s->pending_cap) {
		s->pending_cap = s->pending_cap ? 2 * s->pending_cap : 16;
		s->pending = mem_grow(
			s->pending, s->pending_cap, sizeof(*s->pending));
	}
	s->pending[s->pending_count++] =
		(struct store_pending){.base = arena_dup(&s->view.arena,
					       line->base.at, line->base.len),
			.uid = line->uid};
}

/* By base; of the same base, the line that counts (the later one) last. */
static int compare_pending(const void *a, const void *b)
{
	const struct store_pending *x = a;
	const struct store_pending *y = b;
	int r = strcmp(x->base, y->base);

	return r ? r : (x->uid > y->uid) - (x->uid < y->uid);
}

static void keep_pending(struct scan *s)
{
	struct store_view *v = &s->view;

	if (!s->pending_count)
		return;
	qsort(s->pending, s->pending_count, sizeof(*s->pending),
		compare_pending);
	v->pending =
		arena_alloc(&v->arena, s->pending_count * sizeof(*v->pending));
	for (size_t i = 0; i < s->pending_count; i++) {
		if (v->pending_count &&
			strcmp(v->pending[v->pending_count - 1].base,
				s->pending[i].base) == 0)
			v->pending_count--;
		v->pending[v->pending_count++] = s->pending[i];
	}
}

/* A base that two lines have: Dovecot believes the later one. */
static void apply_line(struct scan *s, const struct uidlist_slice *line,
	struct buf *extra, size_t *hint)
{
	struct store_message *m;

	if (!scan_find(&s->view, line->base, hint)) {
		add_pending(s, line);
		return;
	}
	m = &s->view.messages[*hint - 1];
	buf_clear(extra);
	uidlist_extra_lasting(line->extra, extra);
	m->uid = line->uid;
	m->extra = extra->len ? arena_dup(&s->view.arena, buf_str(extra),
					extra->len)
			      : "";
}

static int read_lines(struct scan *s, const struct buf *data, struct err *err)
{
	struct store_identity *id = &s->view.identity;
	AUTO_BUF struct buf extra = BUF_INIT;
	struct uidlist_reader r;
	struct uidlist_slice line;
	size_t hint = 0;
	int e = uidlist_read_head(
		&r, data->data, data->len, &s->view.arena, id, err);

	while (e >= 0 && (e = uidlist_read_line(&r, &line, err)) > 0)
		apply_line(s, &line, &extra, &hint);
	if (e < 0)
		return err_wrap(err, "folder %s", s->f->path);
	keep_pending(s);
	if (r.last_uid >= id->uidnext)
		id->uidnext = r.last_uid + 1;
	s->torn = r.lines.torn;
	return 0;
}

static int read_uidlist(struct scan *s, struct err *err)
{
	AUTO_FREE char *path = path_join(s->f->control, UIDLIST_FILE);
	AUTO_BUF struct buf data = BUF_INIT;
	int r = control_read(
		s->m->store.os, path, UIDLIST_SIZE_MAX, &data, NULL, err);

	if (r < 0)
		return r;
	s->view.identity =
		(struct store_identity){.has_uids = s->m->dovecot, .extra = ""};
	return r == 1 ? 0 : read_lines(s, &data, err);
}

/* ---- one reading ---- */

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Returns 0, or 1 when something moved while it was read. */
static int scan_once(struct maildir *m, const struct folder *f, bool locked,
	struct store_view *ret, struct err *err)
{
	struct scan s = {.m = m, .f = f};
	int64_t now = m->store.os->ops->wall_ns(m->store.os);
	struct folder_stat before, after;
	struct store_cookie cookie;
	int r = folder_stat(m, f, &before, err);

	if (r < 0)
		return r;
	cookie_of(&before, now, &s.view.cookie);
	r = read_keywords(&s, err);
	if (r == 0)
		r = read_messages(&s, err);
	if (r == 0)
		r = read_uidlist(&s, err);
	if (r == 0)
		r = folder_stat(m, f, &after, err);
	scan_release(&s);
	if (r < 0) {
		store_view_free(&s.view);
		return r;
	}
	s.view.locked = locked;
	s.view.dir_ctime_ns = later(after.cur.ctime_ns, after.new.ctime_ns);
	cookie_of(&after, now, &cookie);
	*ret = s.view;
	if (s.torn || memcmp(cookie.b, ret->cookie.b, sizeof(cookie.b)) != 0)
		return 1;
	return folder_stat_latest(&before) > now - TICK_NS;
}

int scan_locked(struct maildir *m, const struct folder *f,
	struct store_view *ret, struct err *err)
{
	int r = scan_once(m, f, true, ret, err);

	return r < 0 ? r : 0;
}

/* ---- views ---- */

static int view_with_lock(struct maildir *m, const struct folder *f,
	struct store_view *ret, struct err *err)
{
	struct lock *lock;
	int r = lock_take(m, f, &lock, err);

	if (r < 0)
		return r;
	r = scan_locked(m, f, ret, err);
	lock_release(lock);
	return r;
}

static int view_unlocked(struct maildir *m, const struct folder *f,
	struct store_view *ret, struct err *err)
{
	struct os *os = m->store.os;

	for (int i = 0; i < TRIES_BEFORE_LOCK; i++) {
		int r = scan_once(m, f, false, ret, err);

		if (r <= 0)
			return r;
		store_view_free(ret);
		os->ops->sleep_ns(os, TICK_NS);
	}
	return view_with_lock(m, f, ret, err);
}

/* Every message of a is in b too. */
static bool lacks_nothing(
	const struct store_view *a, const struct store_view *b)
{
	size_t k = 0;

	for (size_t i = 0; i < a->count; i++, k++) {
		while (k < b->count &&
			strcmp(b->messages[k].base, a->messages[i].base) < 0)
			k++;
		if (k == b->count ||
			strcmp(b->messages[k].base, a->messages[i].base) != 0)
			return false;
	}
	return true;
}

static int view_plain(struct maildir *m, const struct folder *f,
	struct store_view *ret, struct err *err)
{
	struct store_view last = {0};

	for (int i = 0; i < TRIES_PLAIN; i++) {
		struct store_view view;
		int r = scan_once(m, f, false, &view, err);

		if (r <= 0 || (i > 0 && lacks_nothing(&last, &view))) {
			store_view_free(&last);
			if (r >= 0)
				*ret = view;
			return r < 0 ? r : 0;
		}
		store_view_free(&last);
		last = view;
	}
	store_view_free(&last);
	return err_set(err, ERR_BUSY,
		"folder %s: changed at each of %d readings", f->path,
		TRIES_PLAIN);
}

int scan_view(struct maildir *m, const char *path, enum store_view_how how,
	struct store_view *ret, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	struct folder_stat st;
	int r = folder_init(m, path, &f, err);

	if (r == 0)
		r = folder_stat(m, &f, &st, err);
	if (r < 0)
		return r;
	if (!lock_wanted(m, &f))
		return view_plain(m, &f, ret, err);
	return how == STORE_LOCKED ? view_with_lock(m, &f, ret, err)
				   : view_unlocked(m, &f, ret, err);
}
