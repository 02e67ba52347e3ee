/*
 * explain_find: which messages are meant.
 *
 * A UID, a dot as `packetboat log` prints it (origin[/incarnation]:lsn), a
 * Message-ID, or the name of a file.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "explain.h"
#include "hash.h"
#include "header.h"
#include "joining.h"
#include "mutf7.h"
#include "os.h"
#include "store.h"

#define HEADER_MAX 65536u /* bytes of a mail that are looked at */
#define HEX64 16	  /* digits of an origin, and of an incarnation */

/* ---- what was found ---- */

void explain_note(struct explain *e, const char *fmt, ...)
{
	AUTO_BUF struct buf text = BUF_INIT;
	char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	line = (char *)buf_room(&text, (size_t)len + 1);
	va_start(ap, fmt);
	vsnprintf(line, (size_t)len + 1, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < e->note_count; i++)
		if (strcmp(e->notes[i], line) == 0)
			return;
	e->notes = arena_room(
		&e->arena, e->notes, e->note_count, sizeof(*e->notes));
	e->notes[e->note_count++] = arena_dup(&e->arena, line, (size_t)len);
}

void explain_add_row(struct explain *e, int64_t row)
{
	for (size_t i = 0; i < e->row_count; i++)
		if (e->rows[i] == row)
			return;
	e->rows =
		arena_room(&e->arena, e->rows, e->row_count, sizeof(*e->rows));
	e->rows[e->row_count++] = row;
}

void explain_add_dot(struct explain *e, const struct dot *dot)
{
	for (size_t i = 0; i < e->dot_count; i++)
		if (dot_cmp(&e->dots[i], dot) == 0)
			return;
	e->dots =
		arena_room(&e->arena, e->dots, e->dot_count, sizeof(*e->dots));
	e->dots[e->dot_count++] = *dot;
}

static void add_rows(struct explain *e, const int64_t *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		explain_add_row(e, rows[i]);
}

int explain_by_base(struct explain *e, const char *base, struct err *err)
{
	int64_t *rows;
	size_t count = 0;
	int rc = story_by_base(e->account.replica, e->folder.id, base,
		&e->arena, &rows, &count, err);

	if (rc >= 0)
		add_rows(e, rows, count);
	return rc;
}

/* ---- by Message-ID: in the mail ---- */

/* Without its brackets. */
static bool same_id(const uint8_t *data, size_t len, const char *id)
{
	size_t want = strlen(id);

	if (len >= 2 && data[0] == '<' && data[len - 1] == '>') {
		data++;
		len -= 2;
	}
	return len == want && memcmp(data, id, len) == 0;
}

/* Closes fd. A mail that cannot be read is not the one. */
static bool has_id(struct explain *e, int fd, uint64_t size, const char *id)
{
	AUTO_BUF struct buf head = BUF_INIT;
	size_t want = size < HEADER_MAX ? (size_t)size : HEADER_MAX;
	struct os *os = e->site.os;
	struct header_field field;
	ssize_t n = os->ops->pread(os, fd, buf_room(&head, want), want, 0);

	os->ops->close(os, fd);
	return n > 0 &&
	       header_find(head.data, (size_t)n, "Message-ID", &field) &&
	       same_id(field.value, field.value_len, id);
}

static int search_folder(
	struct explain *e, struct store *s, const char *id, struct err *err)
{
	struct store_view view = {0};
	int rc = e->folder.p_path ? s->ops->view(s, e->folder.p_path,
					    STORE_UNLOCKED, &view, err)
				  : ERR_ABSENT;
	size_t before = e->row_count;

	if (rc < 0)
		return rc == ERR_ABSENT ? 0 : rc;
	for (size_t i = 0; rc >= 0 && i < view.count; i++) {
		const struct store_message *m = &view.messages[i];
		struct store_stat st;
		int fd;

		if (s->ops->open(s, e->folder.p_path, m->base, m->name, &fd,
			    &st, NULL) < 0 ||
			!has_id(e, fd, st.size, id))
			continue;
		rc = explain_by_base(e, m->base, err);
		if (rc >= 0 && e->row_count == before)
			explain_note(e,
				"the file %s has this Message-ID and was not "
				"logged yet (packetboat write)",
				m->name);
	}
	store_view_free(&view);
	return rc;
}

/* What a removed mail was named is in its tombstone, as one number. */
static int add_trashed(struct explain *e, struct store *s,
	const struct store_trashed *mail, struct err *err)
{
	AUTO_BUF struct buf body = BUF_INIT;
	struct hash_state hash;
	struct dot *dots;
	size_t count = 0;
	uint64_t at = 0;
	ssize_t n;
	int fd;

	if (s->ops->trash_open(s, mail, &fd, NULL) < 0)
		return 0;
	hash_init(&hash);
	while ((n = s->os->ops->pread(s->os, fd, buf_room(&body, HEADER_MAX),
			HEADER_MAX, (int64_t)at)) > 0) {
		hash_add(&hash, body.data, (size_t)n);
		at += (uint64_t)n;
	}
	s->os->ops->close(s->os, fd);
	struct hash whole = hash_end(&hash);
	struct id128 content = content_id(mail->base, at, &whole);
	int rc = n < 0 ? 0
		       : story_by_content(e->account.replica, &content,
				 &e->arena, &dots, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++)
		explain_add_dot(e, &dots[i]);
	explain_note(e,
		"a mail with this Message-ID lies in the trash: file %s "
		"(packetboat trash list)",
		mail->base);
	return rc < 0 ? rc : explain_by_base(e, mail->base, err);
}

static int search_trash(
	struct explain *e, struct store *s, const char *id, struct err *err)
{
	struct store_trash trash = {0};
	int rc = s->ops->trash_list(s, &trash, err);

	for (size_t i = 0; rc >= 0 && i < trash.count; i++) {
		const struct store_trashed *mail = &trash.mails[i];
		int fd;

		if (mutf7_same_name(mail->path, e->folder.path) &&
			s->ops->trash_open(s, mail, &fd, NULL) >= 0 &&
			has_id(e, fd, mail->size, id))
			rc = add_trashed(e, s, mail, err);
	}
	store_trash_free(&trash);
	return rc;
}

int explain_find_mail(
	struct explain *e, const char *message_id, struct err *err)
{
	AUTO_FREE char *id = mem_dup(message_id);
	size_t len = strlen(id);
	struct store *s;
	const char *bare = id;

	if (len >= 2 && id[0] == '<' && id[len - 1] == '>') {
		id[len - 1] = '\0';
		bare = id + 1;
	}
	int rc = site_store_open(&e->site,
		site_account(&e->site, e->account.name), false, &s, err);

	if (rc < 0)
		return rc;
	rc = search_folder(e, s, bare, err);
	if (rc >= 0)
		rc = search_trash(e, s, bare, err);
	s->ops->close(s);
	if (rc >= 0 && !e->row_count && !e->dot_count)
		explain_note(e,
			"a Message-ID stands in the mail alone: of mail whose "
			"file is gone from here, and from the trash, nobody "
			"can tell by it; its UID, or the name of its file, "
			"may be known still");
	return rc;
}

/* ---- by UID or dot ---- */

static bool parse_uid(const char *text, uint32_t *ret)
{
	uint64_t n = 0;

	for (const char *c = text; *c; c++) {
		if (!isdigit((unsigned char)*c) || n > UINT32_MAX)
			return false;
		n = n * 10 + (uint64_t)(*c - '0');
	}
	*ret = (uint32_t)n;
	return *text && n > 0 && n <= UINT32_MAX;
}

static int by_uid(struct explain *e, uint32_t uid, struct err *err)
{
	int64_t *rows;
	size_t count = 0;
	int rc = story_by_uid(e->account.replica, e->folder.id, uid, &e->arena,
		&rows, &count, err);

	if (rc < 0)
		return rc;
	add_rows(e, rows, count);
	rc = explain_logs_uid(e, uid, err);
	if (rc >= 0 && !e->row_count && !e->dot_count)
		explain_note(e,
			"no message here has, or is to have, that UID, and no "
			"log kept here tells who had it; the logs of a "
			"folder's home are kept there");
	return rc;
}

/* "origin:lsn" or "origin/incarnation:lsn". incarnation 0: whichever. */
static bool parse_dot(const char *text, struct dot *ret)
{
	char *end;

	*ret = (struct dot){.lsn = 0};
	if (hex_u64(text, &ret->log.origin) < 0)
		return false;
	text += HEX64;
	if (*text == '/') {
		if (hex_u64(text + 1, &ret->log.incarnation) < 0)
			return false;
		text += 1 + HEX64;
	}
	if (*text++ != ':' || !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	ret->lsn = strtoull(text, &end, 10);
	return !*end && !errno && ret->lsn > 0;
}

static int by_dot(struct explain *e, const struct dot *dot, struct err *err)
{
	struct replica_log *logs = NULL;
	size_t count = 0;
	int rc =
		replica_logs(e->account.replica, &e->arena, &logs, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct log_id *id = &logs[i].known.log;
		struct dot one = {*id, dot->lsn};
		struct replica_folder f;

		if (id->origin != dot->log.origin ||
			(dot->log.incarnation &&
				id->incarnation != dot->log.incarnation))
			continue;
		rc = replica_folder_by_fid(
			e->account.replica, &id->folder, &e->arena, &f, err);
		if (rc == 0 && f.id == e->folder.id)
			explain_add_dot(e, &one);
	}
	return rc < 0 ? rc : 0;
}

int explain_find(struct explain *e, struct err *err)
{
	uint32_t uid;
	struct dot dot;

	if (parse_uid(e->wanted, &uid))
		return by_uid(e, uid, err);
	if (parse_dot(e->wanted, &dot))
		return by_dot(e, &dot, err);
	if (strchr(e->wanted, '@') || e->wanted[0] == '<')
		return explain_find_mail(e, e->wanted, err);
	const char *flags = strstr(e->wanted, ":2,");
	size_t len = flags ? (size_t)(flags - e->wanted) : strlen(e->wanted);

	return explain_by_base(e, arena_dup(&e->arena, e->wanted, len), err);
}
