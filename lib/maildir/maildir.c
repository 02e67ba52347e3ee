/*
 * maildir: a store that is a Maildir; its operations, each done as the mail
 * user.
 *
 * Every operation enters as the user and group that own the mail (when run as
 * root) and leaves as what the process was, so that no file comes to belong to
 * root and no link leads where the user may not go.
 */
#include "maildir_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOCK_WAIT_MS 10000

int maildir_enter(struct maildir *m, struct err *err)
{
	struct os *os = m->store.os;
	int r;

	if (m->uid == (uid_t)-1 && m->gid == (gid_t)-1)
		return 0;
	r = os->ops->become(os, m->uid, m->gid);
	return r < 0 ? err_set_os(err, -r, "become user %ld", (long)m->uid) : 0;
}

void maildir_leave(struct maildir *m)
{
	struct os *os = m->store.os;

	if (m->uid != (uid_t)-1 || m->gid != (gid_t)-1)
		os->ops->become(os, (uid_t)-1, (gid_t)-1);
}

static struct maildir *maildir_of(struct store *s)
{
	return (struct maildir *)s;
}

/* Do `call` as the mail user of m and return what it returns. */
#define AS_USER(m, err, call)                                                  \
	do {                                                                   \
		struct maildir *as_ = (m);                                     \
		int r_ = maildir_enter(as_, (err));                            \
                                                                               \
		if (r_ == 0)                                                   \
			r_ = (call);                                           \
		maildir_leave(as_);                                            \
		return r_;                                                     \
	} while (0)

/* The same for what returns nothing. */
#define AS_USER_VOID(m, call)                                                  \
	do {                                                                   \
		struct maildir *as_ = (m);                                     \
                                                                               \
		maildir_enter(as_, NULL);                                      \
		call;                                                          \
		maildir_leave(as_);                                            \
	} while (0)

static void op_close(struct store *s)
{
	struct maildir *m = maildir_of(s);

	AS_USER_VOID(m, work_end(m));
	free(m->root);
	free(m->control);
	free(m->index);
	free(m->inbox);
	free(m);
}

static int op_marker(
	struct store *s, bool make, struct store_marker *ret, struct err *err)
{
	AS_USER(maildir_of(s), err, marker_read(maildir_of(s), make, ret, err));
}

static int op_list(struct store *s, struct store_list *ret, struct err *err)
{
	AS_USER(maildir_of(s), err, list_read(maildir_of(s), ret, err));
}

static int op_cookie(struct store *s, const char *path,
	struct store_cookie *ret, struct err *err)
{
	AS_USER(maildir_of(s), err, cookie_read(maildir_of(s), path, ret, err));
}

static int op_identity(struct store *s, const char *path, struct arena *arena,
	struct store_identity *ret, struct err *err)
{
	AS_USER(maildir_of(s), err,
		identity_read(maildir_of(s), path, arena, ret, err));
}

static int op_view(struct store *s, const char *path, enum store_view_how how,
	struct store_view *ret, struct err *err)
{
	AS_USER(maildir_of(s), err,
		scan_view(maildir_of(s), path, how, ret, err));
}

static int op_stat(struct store *s, const char *path,
	const struct store_message *message, struct store_stat *ret,
	struct err *err)
{
	AS_USER(maildir_of(s), err,
		message_stat(maildir_of(s), path, message, ret, err));
}

static int op_open(struct store *s, const char *path, const char *base,
	const char *hint, int *ret_fd, struct store_stat *ret, struct err *err)
{
	AS_USER(maildir_of(s), err,
		message_open(
			maildir_of(s), path, base, hint, ret_fd, ret, err));
}

static int op_sync(struct store *s, const char *path, struct err *err)
{
	AS_USER(maildir_of(s), err, folder_sync(maildir_of(s), path, err));
}

static int begin_stage(struct maildir *m, const char *path,
	struct store_stage **ret, struct err *err)
{
	int r = work_begin(m, err);

	return r < 0 ? r : stage_begin(m, path, ret, err);
}

static int op_stage_begin(struct store *s, const char *path,
	struct store_stage **ret, struct err *err)
{
	AS_USER(maildir_of(s), err, begin_stage(maildir_of(s), path, ret, err));
}

static int op_stage_add(struct store_stage *st, const struct store_body *body,
	size_t *ret_index, struct err *err)
{
	AS_USER(st->m, err, stage_add(st, body, ret_index, err));
}

static int op_stage_sync(struct store_stage *st, struct err *err)
{
	AS_USER(st->m, err, stage_sync(st, err));
}

static void op_stage_end(struct store_stage *st)
{
	AS_USER_VOID(st->m, stage_end(st));
}

static int op_txn_begin(struct store *s, const char *path, bool build,
	struct store_stage *stage, struct store_txn **ret, struct err *err)
{
	AS_USER(maildir_of(s), err,
		txn_begin(maildir_of(s), path, build, stage, ret, err));
}

static const struct store_view *op_txn_view(struct store_txn *t)
{
	return &t->view;
}

static int op_txn_commit(struct store_txn *t, struct err *err)
{
	AS_USER(t->m, err, txn_commit(t, err));
}

static void op_txn_end(struct store_txn *t)
{
	AS_USER_VOID(t->m, txn_end(t));
}

static int op_settle(struct store *s, struct err *err)
{
	AS_USER(maildir_of(s), err, moving_settle(maildir_of(s), err));
}

static int op_rename(
	struct store *s, const char *from, const char *to, struct err *err)
{
	AS_USER(maildir_of(s), err,
		folder_rename(maildir_of(s), from, to, err));
}

static int op_remove(struct store *s, const char *path, struct err *err)
{
	AS_USER(maildir_of(s), err, folder_remove(maildir_of(s), path, err));
}

static int set_subscription(
	struct maildir *m, const char *path, bool value, struct err *err)
{
	int r = work_begin(m, err);

	return r < 0 ? r : subscribe_set(m, path, value, err);
}

static int op_subscribe(
	struct store *s, const char *path, bool value, struct err *err)
{
	AS_USER(maildir_of(s), err,
		set_subscription(maildir_of(s), path, value, err));
}

static int op_trash_clean(
	struct store *s, int64_t age_s, uint64_t max_bytes, struct err *err)
{
	AS_USER(maildir_of(s), err,
		trash_clean(maildir_of(s), age_s, max_bytes, err));
}

static int op_trash_list(
	struct store *s, struct store_trash *ret, struct err *err)
{
	AS_USER(maildir_of(s), err, trash_list(maildir_of(s), ret, err));
}

static int op_trash_open(struct store *s, const struct store_trashed *mail,
	int *ret_fd, struct err *err)
{
	AS_USER(maildir_of(s), err,
		trash_open(maildir_of(s), mail, ret_fd, err));
}

static int op_trash_forget(
	struct store *s, const struct store_trashed *mail, struct err *err)
{
	AS_USER(maildir_of(s), err, trash_forget(maildir_of(s), mail, err));
}

static int op_watch_open(
	struct store *s, struct store_watch **ret, int *ret_fd, struct err *err)
{
	return watch_open(maildir_of(s), ret, ret_fd, err);
}

static int op_watch_set(
	struct store_watch *w, const struct store_list *list, struct err *err)
{
	AS_USER(watch_maildir(w), err, watch_set(w, list, err));
}

static int op_watch_read(struct store_watch *w,
	void (*dirty)(void *arg, const char *path), void *arg, struct err *err)
{
	return watch_read(w, dirty, arg, err);
}

static const struct store_ops maildir_ops = {
	.close = op_close,
	.marker = op_marker,
	.list = op_list,
	.cookie = op_cookie,
	.identity = op_identity,
	.view = op_view,
	.stat = op_stat,
	.open = op_open,
	.sync = op_sync,
	.stage_begin = op_stage_begin,
	.stage_add = op_stage_add,
	.stage_sync = op_stage_sync,
	.stage_end = op_stage_end,
	.txn_begin = op_txn_begin,
	.txn_view = op_txn_view,
	.txn_add = txn_add,
	.txn_flags = txn_flags,
	.txn_expunge = txn_expunge,
	.txn_replace = txn_replace,
	.txn_uid = txn_uid,
	.txn_identity = txn_identity,
	.txn_commit = op_txn_commit,
	.txn_end = op_txn_end,
	.settle = op_settle,
	.rename = op_rename,
	.remove = op_remove,
	.subscribe = op_subscribe,
	.trash_clean = op_trash_clean,
	.trash_list = op_trash_list,
	.trash_open = op_trash_open,
	.trash_forget = op_trash_forget,
	.watch_open = op_watch_open,
	.watch_set = op_watch_set,
	.watch_read = op_watch_read,
	.watch_close = watch_close,
};

/* ---- open ---- */

/* An empty INBOX, as Dovecot makes one at the first login. */
static int make_inbox(struct maildir *m, struct err *err)
{
	static const char *const parts[] = {"cur", "new", "tmp"};
	const char *dir = m->inbox ? m->inbox : m->root;
	struct os *os = m->store.os;
	int r = 0;

	if (!is_directory(os, m->root))
		r = dir_make(os, m->root, 0700, err);
	if (r == 0 && !is_directory(os, dir))
		r = dir_make(os, dir, 0700, err);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && r == 0; i++) {
		AUTO_FREE char *path = path_join(dir, parts[i]);

		r = make_dir(os, path, 0700, err);
	}
	return r == 0 ? dir_sync(os, dir, err) : r;
}

static int open_root(struct maildir *m, bool make, struct err *err)
{
	struct os *os = m->store.os;
	struct os_stat st;
	int r = 0;

	if (make)
		r = make_inbox(m, err);
	if (r < 0)
		return r;
	r = os->ops->stat(os, m->root, &st);
	if (r < 0)
		return err_set_os(err, -r, "Maildir %s", m->root);
	if (!S_ISDIR(st.mode))
		return err_set(err, ERR_ABSENT, "Maildir %s: not a directory",
			m->root);
	if (m->layout == MAILDIR_AUTO)
		m->layout = layout_detect(os, m->root);
	return 0;
}

static bool holds_mail(struct os *os, const char *dir, const char *part)
{
	AUTO_FREE char *path = path_join(dir, part);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	if (os->ops->list(os, path, &list) < 0)
		return false;
	while (os_list_next(&list, &at, &entry))
		if (entry.name[0] != '.')
			return true;
	return false;
}

/* Mail without a UID list is not Dovecot's; no mail yet may become so. */
static int guess_dovecot(struct maildir *m, struct err *err)
{
	AUTO_FOLDER struct folder f = {0};
	struct os *os = m->store.os;
	struct os_stat st;
	int r = folder_init(m, "INBOX", &f, err);

	if (r < 0)
		return r;
	AUTO_FREE char *uidlist = path_join(f.control, UIDLIST_FILE);
	m->dovecot =
		os->ops->lstat(os, uidlist, &st) >= 0 ||
		!(holds_mail(os, f.dir, "cur") || holds_mail(os, f.dir, "new"));
	return 0;
}

/* Without a '/' at the end. */
static char *directory_name(const char *path)
{
	size_t len;

	if (!path)
		return NULL;
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return mem_dup_n(path, len);
}

int maildir_open(struct os *os, const struct maildir_config *config, bool make,
	struct store **ret, struct err *err)
{
	struct maildir *m = mem_alloc(sizeof(*m));
	int r;

	m->store = (struct store){.ops = &maildir_ops, .os = os};
	m->root = directory_name(config->root);
	m->control = directory_name(config->control);
	m->index = directory_name(config->index);
	m->inbox = directory_name(config->inbox);
	m->layout = config->layout;
	m->uid = config->uid;
	m->gid = config->gid;
	m->lock_wait_ns =
		NS_PER_MS *
		(config->lock_wait_ms ? config->lock_wait_ms : LOCK_WAIT_MS);
	m->dovecot = config->dovecot;
	m->opened_ns = os->ops->wall_ns(os);
	os->ops->hostname(os, m->host, sizeof(m->host));
	r = maildir_enter(m, err);
	if (r == 0)
		r = open_root(m, make, err);
	if (r == 0 && config->guess)
		r = guess_dovecot(m, err);
	if (r == 0)
		work_sweep(m);
	maildir_leave(m);
	if (r < 0) {
		op_close(&m->store);
		return r;
	}
	*ret = &m->store;
	return 0;
}
