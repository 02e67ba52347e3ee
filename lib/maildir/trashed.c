/*
 * trashed: what lies in the trash (trash.c), mail by mail, to be restored.
 *
 * Reading only, but for trash_forget. Whoever restores a mail adds it to a
 * folder from its bytes, as any mail, and lets go of the file here when that
 * is durable: a crash leaves the mail in both places, never in none.
 */
#include "maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 80

struct listing {
	struct maildir *m;
	struct store_trash *to;
	char *top; /* a trash: what is below it makes ids */
	int64_t removed_s;
	struct err *err;
};

/* ---- keywords ---- */

/* Errors: a file that cannot be read names no keywords, that is all. */
static void read_names(
	struct listing *l, const char *dir, const char *ret[STORE_KEYWORDS_MAX])
{
	AUTO_FREE char *path = path_join(dir, KEYWORDS_FILE);
	AUTO_BUF struct buf data = BUF_INIT;
	int r = control_read(
		l->m->store.os, path, KEYWORDS_SIZE_MAX, &data, NULL, NULL);

	if (r == 0)
		keywords_parse(data.data, data.len, &l->to->arena, ret, NULL);
}

/* What letters mean: a folder that was removed whole has brought its names; to
   single mails those of the folder apply, which never gives a letter anew. */
static void name_letters_of(struct listing *l, const char *dir,
	const char *path, const char *ret[STORE_KEYWORDS_MAX])
{
	AUTO_FREE char *tmp = path_join(dir, "tmp");
	AUTO_FOLDER struct folder f = {0};

	if (is_directory(l->m->store.os, tmp))
		read_names(l, dir, ret);
	else if (folder_init(l->m, path, &f, NULL) == 0)
		read_names(l, f.control, ret);
}

static const char *join_keywords(struct arena *arena, uint32_t letters,
	const char *const names[STORE_KEYWORDS_MAX])
{
	AUTO_BUF struct buf b = BUF_INIT;

	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if ((letters >> i & 1) && names[i])
			buf_printf(&b, "%s%s", b.len ? " " : "", names[i]);
	}
	return arena_dup(arena, buf_str(&b), b.len);
}

/* ---- the walk ---- */

static void add_mail(struct listing *l, const char *file, const char *name,
	const char *path, const char *const names[STORE_KEYWORDS_MAX])
{
	struct arena *arena = &l->to->arena;
	AUTO_BUF struct buf letters = BUF_INIT;
	const char *below = file + strlen(l->top) + 1;
	struct maildir_name parsed;
	struct store_trashed *mail;
	struct os_stat st;

	if (maildir_name_parse(name, &parsed) != 0 ||
		l->m->store.os->ops->lstat(l->m->store.os, file, &st) < 0 ||
		!S_ISREG(st.mode))
		return;
	name_letters(parsed.flags, &letters);
	l->to->mails = mem_grow(l->to->mails, l->to->count + 1, sizeof(*mail));
	mail = &l->to->mails[l->to->count++];
	*mail = (struct store_trashed){
		.id = hash_of(below, strlen(below)),
		.path = arena_dup(arena, path, strlen(path)),
		.base = arena_dup(arena, name, parsed.base_len),
		.letters = arena_dup(arena, buf_str(&letters), letters.len),
		.keywords = join_keywords(
			arena, name_keywords(parsed.flags), names),
		.removed_s = l->removed_s,
		.size = (uint64_t)st.size,
		.mtime = st.mtime_ns / NS_PER_S,
		.where = arena_dup(arena, file, strlen(file)),
	};
}

static int list_names(struct listing *l, const char *dir, struct buf *ret)
{
	int r = l->m->store.os->ops->list(l->m->store.os, dir, ret);

	return r < 0 && r != -ENOENT && r != -ENOTDIR
		       ? err_set_os(l->err, -r, "list %s", dir)
		       : 0;
}

/* cur/ or new/ of a folder. */
static int list_part(struct listing *l, const char *dir, const char *part,
	const char *path, const char *const names[STORE_KEYWORDS_MAX])
{
	AUTO_FREE char *from = path_join(dir, part);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	int r = list_names(l, from, &list);

	while (r == 0 && os_list_next(&list, &at, &e)) {
		AUTO_FREE char *file = path_join(from, e.name);

		add_mail(l, file, e.name, path, names);
	}
	return r;
}

/* A folder's directory, and in layout fs those below it. */
static int list_folder(
	struct listing *l, const char *dir, const char *path, int depth)
{
	const char *names[STORE_KEYWORDS_MAX] = {NULL};
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	int r;

	name_letters_of(l, dir, path, names);
	r = list_part(l, dir, "cur", path, names);
	if (r == 0)
		r = list_part(l, dir, "new", path, names);
	if (r < 0 || l->m->layout != MAILDIR_FS || depth == DEPTH_MAX)
		return r;
	r = list_names(l, dir, &list);
	while (r == 0 && os_list_next(&list, &at, &e)) {
		AUTO_FREE char *below = path_join(dir, e.name);
		AUTO_FREE char *name = path_join(path, e.name);

		if (!layout_is_part(e.name) &&
			entry_is_directory(l->m->store.os, dir, &e))
			r = list_folder(l, below, name, depth + 1);
	}
	return r;
}

static int list_batch(struct listing *l, const char *batch)
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	int r = list_names(l, batch, &list);

	while (r == 0 && os_list_next(&list, &at, &e)) {
		AUTO_FREE char *dir = path_join(batch, e.name);
		AUTO_FREE char *path = layout_path(l->m, e.name);

		if (entry_is_directory(l->m->store.os, batch, &e))
			r = list_folder(l, dir, path, 0);
	}
	return r;
}

static int list_trash(struct listing *l, bool inbox)
{
	AUTO_FREE char *own = layout_private(l->m, inbox);
	AUTO_FREE char *top = path_join(own, "trash");
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	int r;

	l->top = top;
	r = list_names(l, top, &list);
	while (r == 0 && os_list_next(&list, &at, &e)) {
		AUTO_FREE char *batch = path_join(top, e.name);

		l->removed_s = trash_time(e.name);
		if (l->removed_s >= 0)
			r = list_batch(l, batch);
	}
	l->top = NULL;
	return r;
}

static int compare_mails(const void *a, const void *b)
{
	const struct store_trashed *x = a, *y = b;

	if (x->removed_s != y->removed_s)
		return x->removed_s < y->removed_s ? -1 : 1;
	return strcmp(x->where, y->where);
}

int trash_list(struct maildir *m, struct store_trash *ret, struct err *err)
{
	struct listing l = {.m = m, .to = ret, .err = err};
	int r;

	*ret = (struct store_trash){0};
	r = list_trash(&l, false);
	if (r == 0 && m->inbox)
		r = list_trash(&l, true);
	if (r < 0)
		store_trash_free(ret);
	else if (ret->count)
		qsort(ret->mails, ret->count, sizeof(*ret->mails),
			compare_mails);
	return r;
}

/* ---- one of them ---- */

int trash_open(struct maildir *m, const struct store_trashed *mail, int *ret_fd,
	struct err *err)
{
	struct os *os = m->store.os;
	int fd = os->ops->open(
		os, mail->where, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd < 0)
		return err_set_os(err, -fd, "open %s", mail->where);
	*ret_fd = fd;
	return 0;
}

int trash_forget(
	struct maildir *m, const struct store_trashed *mail, struct err *err)
{
	int r = m->store.os->ops->unlink(m->store.os, mail->where);

	return r < 0 && r != -ENOENT
		       ? err_set_os(err, -r, "remove %s", mail->where)
		       : 0;
}
