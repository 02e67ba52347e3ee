/*
 * layout: where a folder's files lie.
 *
 *	path        Maildir++            fs
 *	INBOX       <root>/              <root>/           (or `inbox`)
 *	Work        <root>/.Work/        <root>/Work/
 *	Work/2026   <root>/.Work.2026/   <root>/Work/2026/
 *
 * With `control`, dovecot-uidlist and dovecot-keywords lie under that root at
 * the same relative place; INBOX is .INBOX there (fs: INBOX). So with `index`.
 *
 * Our own things (marker, trash, folders being built) lie in
 * <INBOX>/cur/.packetboat: on the mail's file system, shown by LIST in
 * neither layout (fs shows every other directory, dotted or not), never a
 * message (Dovecot skips names with a dot in cur/) and not cleaned away as
 * what is in tmp/ is.
 */
#include "maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

char *path_join(const char *dir, const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

bool is_directory(struct os *os, const char *path)
{
	struct os_stat st;

	return os->ops->lstat(os, path, &st) >= 0 && S_ISDIR(st.mode);
}

static bool part_ok(const char *part, size_t len)
{
	if (len == 0 || len > NAME_MAX)
		return false;
	if (part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.')))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)part[i];

		if (c < ' ' || c == 127)
			return false;
	}
	return true;
}

bool folder_path_ok(const char *path)
{
	if (strlen(path) >= PATH_MAX / 2)
		return false;
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!part_ok(path, len))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

char layout_separator(const struct maildir *m)
{
	return m->layout == MAILDIR_FS ? '/' : '.';
}

const char *layout_control_root(const struct maildir *m)
{
	return m->control ? m->control : m->root;
}

char *layout_private(const struct maildir *m, bool inbox)
{
	return path_join(inbox && m->inbox ? m->inbox : m->root, PRIVATE_DIR);
}

static bool reserved(const char *part, size_t len)
{
	return len == 3 &&
	       (strncmp(part, "cur", 3) == 0 || strncmp(part, "new", 3) == 0 ||
		       strncmp(part, "tmp", 3) == 0);
}

bool layout_is_part(const char *name)
{
	return reserved(name, strlen(name));
}

/* Why this layout cannot hold the path, or NULL. */
static const char *refused(const struct maildir *m, const char *path)
{
	if (!folder_path_ok(path))
		return "not a folder's path";
	if (strcasecmp(path, "INBOX") == 0)
		return "INBOX is written in capitals";
	if (m->layout == MAILDIR_PLUSPLUS) {
		if (strchr(path, '.'))
			return "a '.' in a name, which separates parts in "
			       "Maildir++";
		if (strlen(path) + 1 > NAME_MAX)
			return "longer than a file name";
		return NULL;
	}
	if (*path == '~')
		return "begins with '~'";
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (reserved(part, strcspn(part, "/")))
			return "cur, new and tmp are reserved in layout fs";
	}
	return NULL;
}

/* "Work/2026" as a directory below a root, without the leading dot. */
static char *relative(const struct maildir *m, const char *path)
{
	char *rel = mem_dup(path);

	for (char *p = rel; *p && m->layout == MAILDIR_PLUSPLUS; p++) {
		if (*p == '/')
			*p = '.';
	}
	return rel;
}

char *layout_path(const struct maildir *m, const char *rel)
{
	char *path = mem_dup(rel);

	for (char *p = path; *p && m->layout == MAILDIR_PLUSPLUS; p++) {
		if (*p == '.')
			*p = '/';
	}
	return path;
}

int folder_init(const struct maildir *m, const char *path, struct folder *ret,
	struct err *err)
{
	const char *dot = m->layout == MAILDIR_PLUSPLUS ? "." : "";
	bool inbox = strcmp(path, "INBOX") == 0;
	const char *why = inbox ? NULL : refused(m, path);

	*ret = (struct folder){.path = path, .inbox = inbox};
	if (why)
		return err_set(err, ERR_USAGE, "folder %s: %s", path, why);
	ret->rel = relative(m, path);
	if (inbox)
		ret->dir = mem_dup(m->inbox ? m->inbox : m->root);
	else
		ret->dir = mem_printf("%s/%s%s", m->root, dot, ret->rel);
	if (m->control)
		ret->control = mem_printf("%s/%s%s", m->control, dot, ret->rel);
	else
		ret->control = mem_dup(ret->dir);
	if (m->index)
		ret->index = mem_printf("%s/%s%s", m->index, dot, ret->rel);
	else
		ret->index = mem_dup(ret->dir);
	return 0;
}

void folder_release(struct folder *f)
{
	mem_free_cleanup(&f->dir);
	mem_free_cleanup(&f->control);
	mem_free_cleanup(&f->index);
	mem_free_cleanup(&f->rel);
	*f = (struct folder){0};
}

static bool has_cur(struct os *os, const char *root, const char *name)
{
	AUTO_FREE char *cur = mem_printf("%s/%s/cur", root, name);

	return is_directory(os, cur);
}

enum maildir_layout layout_detect(struct os *os, const char *root)
{
	AUTO_BUF struct buf names = BUF_INIT;
	enum maildir_layout found = MAILDIR_PLUSPLUS;
	struct os_entry e;
	size_t at = 0;

	if (os->ops->list(os, root, &names) < 0)
		return MAILDIR_PLUSPLUS;
	while (os_list_next(&names, &at, &e)) {
		if ((e.type != DT_DIR && e.type != DT_UNKNOWN) ||
			layout_is_part(e.name) || !has_cur(os, root, e.name))
			continue;
		if (*e.name == '.')
			return MAILDIR_PLUSPLUS;
		found = MAILDIR_FS;
	}
	return found;
}

int modes_of(struct os *os, const char *dir, struct modes *ret, struct err *err)
{
	struct os_stat st;
	int r = os->ops->stat(os, dir, &st);

	if (r < 0)
		return err_set_os(err, -r, "stat %s", dir);
	ret->file = (st.mode & 0666) | 0600;
	ret->dir = (st.mode & (0777 | S_ISGID)) | 0700;
	return 0;
}

static int set_mode(
	struct os *os, const char *path, mode_t mode, struct err *err)
{
	int fd =
		os->ops->open(os, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	int r = fd;

	if (fd >= 0) {
		r = os->ops->fchmod(os, fd, mode);
		os->ops->close(os, fd);
	}
	return r < 0 ? err_set_os(err, -r, "chmod %s", path) : 0;
}

int make_dir(struct os *os, const char *path, mode_t mode, struct err *err)
{
	int r = os->ops->mkdir(os, path, mode & 0777);

	if (r == -EEXIST && is_directory(os, path))
		return 0;
	if (r < 0)
		return err_set_os(err, -r, "make directory %s", path);
	return (mode & 0777) == 0700 ? 0 : set_mode(os, path, mode, err);
}
