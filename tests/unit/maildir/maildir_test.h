/*
 * maildir_test: a Maildir on a simulated disk, or a real one, and short words
 * for what is done to it.
 */
#ifndef PB_MAILDIR_TEST_H
#define PB_MAILDIR_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "maildir.h"
#include "mem.h"
#include "os.h"
#include "simdisk.h"

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Fails with the error's text. */
#define assert_done(r, err)                                                    \
	do {                                                                   \
		if ((r) < 0)                                                   \
			fail_msg("%d: %s", (r), (err).text);                   \
	} while (0)

struct mail_spec {
	const char *base, *letters, *keywords, *extra, *text;
	uint32_t uid;
	int64_t mtime;
};

static inline struct store *open_maildir(struct os *os, const char *root,
	enum maildir_layout layout, bool dovecot)
{
	struct maildir_config config = {.root = root,
		.layout = layout,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.dovecot = dovecot,
		.lock_wait_ms = 500};
	struct err err = ERR_INIT;
	struct store *s = NULL;
	int r = maildir_open(os, &config, true, &s, &err);

	assert_done(r, err);
	return s;
}

/* A file with these bytes anywhere on the disk; to be closed. */
static inline int body_file(struct os *os, const char *text)
{
	int fd = os->ops->open(
		os, "/tmp/body", O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t len = strlen(text);

	if (fd < 0)
		return fd;
	if (os->ops->pwrite(os, fd, text, len, 0) != (ssize_t)len) {
		os->ops->close(os, fd);
		return -EIO;
	}
	return fd;
}

static inline int stage_text(struct store *s, struct store_stage *st,
	const char *text, int64_t mtime, size_t *ret, struct err *err)
{
	struct store_body body = {.size = strlen(text), .mtime = mtime};
	int r;

	body.fd = body_file(s->os, text);
	if (body.fd < 0)
		return err_set_os(err, -body.fd, "body");
	r = s->ops->stage_add(st, &body, ret, err);
	s->os->ops->close(s->os, body.fd);
	return r;
}

/* Stage, lock, add, commit. */
static inline int add_mails(struct store *s, const char *path, bool build,
	const struct store_identity *identity, const struct mail_spec *mails,
	size_t count, struct err *err)
{
	struct store_stage *st = NULL;
	struct store_txn *t = NULL;
	size_t *index = mem_array(count, sizeof(*index));
	int r = s->ops->stage_begin(s, build ? NULL : path, &st, err);

	for (size_t i = 0; i < count && r == 0; i++)
		r = stage_text(
			s, st, mails[i].text, mails[i].mtime, &index[i], err);
	if (r == 0)
		r = s->ops->stage_sync(st, err);
	if (r == 0)
		r = s->ops->txn_begin(s, path, build, st, &t, err);
	for (size_t i = 0; i < count && r == 0; i++)
		s->ops->txn_add(t,
			&(struct store_add){.base = mails[i].base,
				.letters = mails[i].letters ? mails[i].letters
							    : "",
				.keywords = mails[i].keywords
						    ? mails[i].keywords
						    : "",
				.extra = mails[i].extra ? mails[i].extra : "",
				.uid = mails[i].uid,
				.staged = index[i]});
	if (r == 0 && identity)
		s->ops->txn_identity(t, identity);
	if (r == 0)
		r = s->ops->txn_commit(t, err);
	if (t)
		s->ops->txn_end(t);
	if (st)
		s->ops->stage_end(st);
	free(index);
	return r;
}

static inline struct store_view view_of(struct store *s, const char *path)
{
	struct store_view v = {0};
	struct err err = ERR_INIT;
	int r = s->ops->view(s, path, STORE_LOCKED, &v, &err);

	assert_done(r, err);
	return v;
}

static inline const struct store_message *message_of(
	const struct store_view *v, const char *base)
{
	const struct store_message *m = store_view_find(v, base);

	if (!m)
		fail_msg("no message %s", base);
	return m;
}

static inline char *file_text(struct os *os, const char *path)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	int r = file_read(os, path, 1 << 20, &b, &err);

	if (r < 0)
		return NULL;
	return (char *)(uintptr_t)buf_str(&b);
}

static inline void assert_file(
	struct os *os, const char *path, const char *text)
{
	char *got = file_text(os, path);

	if (!got)
		fail_msg("no file %s", path);
	assert_string_equal(got, text);
	free(got);
}

static inline bool is_there(struct os *os, const char *path)
{
	struct os_stat st;

	return os->ops->lstat(os, path, &st) >= 0;
}

/*
 * How many regular files below dir have a name that begins with base (flags
 * may follow) and hold text.
 */
static inline size_t count_below(
	struct os *os, const char *dir, const char *base, const char *text)
{
	struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;
	size_t count = 0;

	if (os->ops->list(os, dir, &names) < 0)
		return 0;
	while (os_list_next(&names, &at, &e)) {
		char *path = mem_printf("%s/%s", dir, e.name);
		size_t len = strlen(base);

		count += count_below(os, path, base, text);
		if (strncmp(e.name, base, len) == 0 &&
			(e.name[len] == ':' || e.name[len] == '\0')) {
			char *got = file_text(os, path);

			count += got && (!text || strcmp(got, text) == 0);
			free(got);
		}
		free(path);
	}
	buf_free(&names);
	return count;
}

#endif
