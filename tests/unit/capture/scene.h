/*
 * scene: an account with real Maildirs in a temporary directory, a stand-in
 * for the mail server that changes them as Dovecot does, capture passes, and
 * the changes that they logged, read back from the log files as short lines:
 *
 *	"INBOX save a uid=1 +S"		"Work copy a from a@INBOX uid=1"
 *	"Work move a@INBOX uid=2"	"INBOX left a@INBOX to Work"
 *	"INBOX flags a@INBOX +F -S"	"INBOX expunge a@INBOX"
 *	"folder Work"			"rename Work to Jobs"
 *
 * A dot is shown as the base name and folder that it was born with. The clock
 * may be set forward, so that nothing need be waited for.
 */
#ifndef PB_SCENE_H
#define PB_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "capture.h"
#include "err.h"
#include "maildir.h"
#include "mem.h"
#include "os.h"
#include "segment.h"

#define ORIGIN UINT64_C(0xa1)
#define T(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_end)

/* Fails with the error's text. */
#define must(call)                                                             \
	do {                                                                   \
		struct err err = ERR_INIT;                                     \
		int must_ = (call);                                            \
                                                                               \
		if (must_ < 0)                                                 \
			fail_msg("%s: %d: %s", #call, must_, err.text);        \
	} while (0)

/* The real system, with a clock that can be set. */
struct scene_os {
	struct os os; /* first */
	struct os_ops ops;
	int64_t ahead_ns;
};

static inline int64_t scene_wall(struct os *os)
{
	return os_real()->ops->wall_ns(os_real()) +
	       ((struct scene_os *)os)->ahead_ns;
}

struct scene_name {
	struct dot dot;
	char *text; /* "a@INBOX" */
};

struct scene_folder {
	struct id128 fid;
	char *path; /* that it was born with */
};

struct scene {
	struct scene_os real;
	struct os *os;
	char dir[64];
	char *root; /* the Maildir */
	struct account account;
	struct store *store;
	struct capture_config config;
	struct capture_result result; /* of the last pass */
	int rc;
	struct err err;
	bool plain; /* no UID lists */
	struct scene_name *names;
	size_t name_count;
	struct scene_folder *folders;
	size_t folder_count;
	uint64_t *read; /* lsn read of each log row */
	size_t read_count;
	bool all_kinds; /* show identity and authority too */
};

/* ---- the mail server ---- */

static inline char *server_dir(struct scene *s, const char *path)
{
	char *dir;

	if (strcmp(path, "INBOX") == 0)
		return mem_dup(s->root);
	dir = mem_printf("%s/.%s", s->root, path);
	for (char *p = dir + strlen(s->root) + 2; *p; p++)
		if (*p == '/')
			*p = '.';
	return dir;
}

static inline void write_text(const char *path, const char *how, const char *s)
{
	FILE *f = fopen(path, how);

	assert_non_null(f);
	assert_true(fputs(s, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* With a GUID made of the letter; 0: none, as in a plain Maildir. */
static inline void server_folder(struct scene *s, const char *path, char guid)
{
	AUTO_FREE char *dir = server_dir(s, path);
	static const char *const parts[] = {"", "/cur", "/new", "/tmp"};

	for (size_t i = 0; i < 4; i++) {
		AUTO_FREE char *part = mem_printf("%s%s", dir, parts[i]);

		assert_true(mkdir(part, 0700) == 0 || errno == EEXIST);
	}
	if (s->plain)
		return;
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", dir);
	char hex[33];
	memset(hex, guid, 32);
	hex[32] = '\0';
	/* The letter counts on, and so does UIDVALIDITY. */
	AUTO_FREE char *head =
		mem_printf("3 V%d N1 G%s\n", 1000 + guid - 'a', hex);
	write_text(list, "w", head);
}

/* Append a line under the next UID. */
static inline uint32_t server_line(
	struct scene *s, const char *path, const char *base)
{
	AUTO_FREE char *dir = server_dir(s, path);
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", dir);
	unsigned next = 1, n;
	char text[4096];
	FILE *f;

	if (s->plain)
		return 0;
	f = fopen(list, "r+");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_int_equal(sscanf(strstr(text, " N"), " N%u", &next), 1);
	while (fgets(text, sizeof(text), f)) {
		assert_int_equal(sscanf(text, "%u", &n), 1);
		if (n >= next)
			next = n + 1;
	}
	fprintf(f, "%u :%s\n", next, base);
	assert_int_equal(fclose(f), 0);
	return next;
}

/* A file as an MDA leaves it: no line in the UID list. */
static inline void server_file(struct scene *s, const char *path,
	const char *sub, const char *name, const char *body)
{
	AUTO_FREE char *dir = server_dir(s, path);
	AUTO_FREE char *file = mem_printf("%s/%s/%s", dir, sub, name);

	write_text(file, "w", body);
}

static inline void server_save(struct scene *s, const char *path,
	const char *base, const char *letters)
{
	AUTO_FREE char *name = mem_printf("%s:2,%s", base, letters);
	AUTO_FREE char *body = mem_printf("Subject: %s\n\n%s\n", base, path);

	server_file(s, path, "cur", name, body);
	server_line(s, path, base);
}

/* The path of a message's file. */
static inline char *server_find(
	struct scene *s, const char *path, const char *base)
{
	AUTO_FREE char *dir = server_dir(s, path);
	size_t len = strlen(base);
	char *found = NULL;

	for (int i = 0; i < 2 && !found; i++) {
		AUTO_FREE char *sub =
			mem_printf("%s/%s", dir, i ? "new" : "cur");
		DIR *d = opendir(sub);
		struct dirent *e;

		while (d && !found && (e = readdir(d)))
			if (strncmp(e->d_name, base, len) == 0 &&
				(e->d_name[len] == ':' || !e->d_name[len]))
				found = mem_printf("%s/%s", sub, e->d_name);
		if (d)
			closedir(d);
	}
	if (!found)
		fail_msg("no message %s in %s", base, path);
	return found;
}

static inline void server_flags(struct scene *s, const char *path,
	const char *base, const char *letters)
{
	AUTO_FREE char *from = server_find(s, path, base);
	AUTO_FREE char *dir = server_dir(s, path);
	AUTO_FREE char *to = mem_printf("%s/cur/%s:2,%s", dir, base, letters);

	assert_int_equal(rename(from, to), 0);
}

static inline void server_expunge(
	struct scene *s, const char *path, const char *base)
{
	AUTO_FREE char *file = server_find(s, path, base);

	assert_int_equal(unlink(file), 0);
}

/* COPY: a hard link under the same base. */
static inline void server_copy(
	struct scene *s, const char *from, const char *base, const char *to)
{
	AUTO_FREE char *file = server_find(s, from, base);
	AUTO_FREE char *dir = server_dir(s, to);
	AUTO_FREE char *link_path =
		mem_printf("%s/cur/%s", dir, strrchr(file, '/') + 1);

	assert_int_equal(link(file, link_path), 0);
	server_line(s, to, base);
}

static inline void server_move(
	struct scene *s, const char *from, const char *base, const char *to)
{
	server_copy(s, from, base, to);
	server_expunge(s, from, base);
}

static inline void server_keywords(
	struct scene *s, const char *path, const char *text)
{
	AUTO_FREE char *dir = server_dir(s, path);
	AUTO_FREE char *file = mem_printf("%s/dovecot-keywords", dir);

	write_text(file, "w", text);
}

static inline void server_rename(
	struct scene *s, const char *from, const char *to)
{
	AUTO_FREE char *a = server_dir(s, from);
	AUTO_FREE char *b = server_dir(s, to);

	assert_int_equal(rename(a, b), 0);
}

static inline void server_delete(struct scene *s, const char *path)
{
	AUTO_FREE char *dir = server_dir(s, path);

	must(dir_remove(s->os, dir, &err));
}

static inline void server_subscriptions(struct scene *s, const char *text)
{
	AUTO_FREE char *file = mem_printf("%s/subscriptions", s->root);

	write_text(file, "w", text);
}

/* ---- the scene ---- */

static inline void scene_store_open(struct scene *s)
{
	struct maildir_config config = {.root = s->root,
		.layout = MAILDIR_PLUSPLUS,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.lock_wait_ms = 500,
		.dovecot = !s->plain};

	must(maildir_open(s->os, &config, false, &s->store, &err));
}

static inline void scene_account_open(struct scene *s)
{
	must(account_open(
		&s->account, s->os, s->dir, "alice", ORIGIN, true, &err));
	must(account_lock(&s->account, 0, &err));
}

static inline void scene_open(struct scene *s)
{
	strcpy(s->dir, "/tmp/packetboat-scene-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->real.ops = *os_real()->ops;
	s->real.ops.wall_ns = scene_wall;
	s->real.os.ops = &s->real.ops;
	s->os = &s->real.os;
	s->root = mem_printf("%s/Maildir", s->dir);
	s->config = (struct capture_config){
		.claim = true, .guard_percent = 50, .guard_least = 100};
	server_folder(s, "INBOX", 'a');
	scene_store_open(s);
	scene_account_open(s);
}

static inline int scene_setup(void **state)
{
	struct scene *s = mem_alloc(sizeof(*s));

	scene_open(s);
	*state = s;
	return 0;
}

static inline int scene_end(void **state)
{
	struct scene *s = *state;

	s->store->ops->close(s->store);
	account_close(&s->account);
	dir_remove(os_real(), s->dir, NULL);
	for (size_t i = 0; i < s->name_count; i++)
		free(s->names[i].text);
	for (size_t i = 0; i < s->folder_count; i++)
		free(s->folders[i].path);
	free(s->names);
	free(s->folders);
	free(s->read);
	free(s->root);
	free(s);
	return 0;
}

/* Let time go by. */
static inline void later(struct scene *s, int64_t seconds)
{
	s->real.ahead_ns += seconds * 1000000000;
}

static inline void pass(struct scene *s)
{
	s->err = ERR_INIT;
	s->rc = capture_account(
		&s->account, s->store, &s->config, &s->result, &s->err);
}

/* ---- what was logged ---- */

static inline const char *name_of(struct scene *s, const struct dot *dot)
{
	for (size_t i = 0; i < s->name_count; i++)
		if (dot_cmp(&s->names[i].dot, dot) == 0)
			return s->names[i].text;
	return "?";
}

static inline const char *path_of(struct scene *s, const struct id128 *fid)
{
	for (size_t i = 0; i < s->folder_count; i++)
		if (id_equal(&s->folders[i].fid, fid))
			return s->folders[i].path;
	return "?";
}

static inline void show_set(
	const struct flag_set *set, char sign, struct buf *ret)
{
	const char *k = set->keywords;

	if (*set->letters)
		buf_printf(ret, " %c%s", sign, set->letters);
	while (*k) {
		size_t len = strcspn(k, " ");

		buf_printf(ret, " %c$%.*s", sign, (int)len, k);
		k += len + (k[len] == ' ');
	}
}

static inline void note_names(struct scene *s, const struct change *c)
{
	if (c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY) {
		s->names = mem_grow(
			s->names, s->name_count + 1, sizeof(*s->names));
		s->names[s->name_count].dot = c->dot;
		s->names[s->name_count++].text = mem_printf(
			"%s@%s", c->base, path_of(s, &c->by.log.folder));
	}
	if (c->kind == CHANGE_FOLDER) {
		s->folders = mem_grow(
			s->folders, s->folder_count + 1, sizeof(*s->folders));
		s->folders[s->folder_count].fid = c->folder;
		s->folders[s->folder_count++].path = mem_dup(c->path);
	}
}

/* Returns false if this kind is not to be shown. */
static inline bool show_account_change(
	struct scene *s, const struct change *c, struct buf *b)
{
	const char *path = path_of(s, &c->folder);

	switch (c->kind) {
	case CHANGE_FOLDER:
		buf_printf(b, "folder %s", path);
		return true;
	case CHANGE_RENAME:
		buf_printf(b, "rename %s to %s", path, c->path);
		return true;
	case CHANGE_DELETE:
		buf_printf(b, "delete %s", path);
		return true;
	case CHANGE_SUBSCRIBE:
		buf_printf(b, "%ssubscribe %s", c->value ? "" : "un",
			id_is_account(&c->folder) ? c->path : path);
		return true;
	case CHANGE_IDENTITY:
		buf_printf(b, "identity %s V%u N%u", path, c->uidvalidity,
			c->uidnext);
		return s->all_kinds;
	case CHANGE_AUTHORITY:
		buf_printf(b, "authority %s", path);
		return s->all_kinds;
	default:
		fail_msg("a change of kind %d in the account log", c->kind);
		return false;
	}
}

static inline void show_change(
	struct scene *s, const struct change *c, struct buf *b)
{
	const char *path = path_of(s, &c->by.log.folder);

	switch (c->kind) {
	case CHANGE_SAVE:
		buf_printf(b, "%s save %s", path, c->base);
		break;
	case CHANGE_COPY:
		buf_printf(b, "%s copy %s from %s", path, c->base,
			name_of(s, &c->source));
		break;
	case CHANGE_MOVE:
		buf_printf(b, "%s move %s", path, name_of(s, &c->dot));
		if (c->source.lsn)
			buf_printf(b, " also %s", name_of(s, &c->source));
		break;
	case CHANGE_LEFT:
		buf_printf(b, "%s left %s to %s", path, name_of(s, &c->dot),
			path_of(s, &c->folder));
		return;
	case CHANGE_FLAGS:
		buf_printf(b, "%s flags %s", path, name_of(s, &c->dot));
		break;
	case CHANGE_EXPUNGE:
		buf_printf(b, "%s expunge %s", path, name_of(s, &c->dot));
		return;
	case CHANGE_UID:
		buf_printf(b, "%s uid %s", path, name_of(s, &c->dot));
		break;
	case CHANGE_EXTRA:
		buf_printf(b, "%s extra %s", path, name_of(s, &c->dot));
		break;
	default:
		fail_msg("a change of kind %d in a folder's log", c->kind);
	}
	if (c->kind != CHANGE_FLAGS && c->uid)
		buf_printf(b, " uid=%u", c->uid);
	if (*c->extra)
		buf_printf(b, " \"%s\"", c->extra);
	show_set(&c->add, '+', b);
	show_set(&c->del, '-', b);
}

static inline void show_frame(struct scene *s, const struct replica_log *log,
	const struct frame *frame, uint64_t after, struct buf *ret)
{
	struct change_context ctx = {
		log->known.log, frame->first_lsn, frame->base_ms};
	struct change_batch batch = {0};
	bool account = id_is_account(&log->known.log.folder);

	must(change_decode(
		&ctx, frame->payload.data, frame->payload.len, &batch, &err));
	assert_int_equal(batch.count, frame->count);
	for (size_t i = 0; i < batch.count; i++) {
		const struct change *c = &batch.items[i];
		AUTO_BUF struct buf line = BUF_INIT;
		bool shown = true;

		note_names(s, c);
		if (c->by.lsn <= after)
			continue;
		if (account)
			shown = show_account_change(s, c, &line);
		else
			show_change(s, c, &line);
		if (shown)
			buf_printf(ret, "%s\n", buf_str(&line));
	}
	change_batch_free(&batch);
}

static inline void show_log(
	struct scene *s, const struct replica_log *log, struct buf *ret)
{
	struct log_end end = {
		log->file_lsn, log->known.lsn, log->known.chain, log->size};
	size_t row = (size_t)log->id;
	struct log_reader reader;
	struct frame frame = {0};
	char hex[ID_HEX];

	while (s->read_count <= row) {
		s->read =
			mem_grow(s->read, s->read_count + 1, sizeof(*s->read));
		s->read[s->read_count++] = 0;
	}
	uint64_t after = s->read[row];
	s->read[row] = log->known.lsn;
	if (log->known.log.origin != ORIGIN || after == log->known.lsn)
		return;
	id_hex(&log->known.log.folder, hex);
	AUTO_FREE char *dir = mem_printf("%s/%s", s->account.log_dir, hex);
	must(log_reader_open(&reader, s->os, dir, log->known.log.incarnation,
		&end, after + 1, &err));
	int rc = 0;
	do {
		must(rc = log_reader_next(&reader, &frame, &err));
		if (rc && frame.kind == FRAME_CHANGES)
			show_frame(s, log, &frame, after, ret);
	} while (rc);
	frame_free(&frame);
	log_reader_close(&reader);
}

/* What was logged since the last time: the account log's changes, then those
   of each folder's log, in the order in which the logs were begun. */
static inline char *news(struct scene *s)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_BUF struct buf text = BUF_INIT;
	struct replica_log *logs;
	size_t count;

	must(replica_logs(s->account.replica, &arena, &logs, &count, &err));
	for (int account = 1; account >= 0; account--)
		for (int64_t id = 0; id < 1000; id++)
			for (size_t i = 0; i < count; i++)
				if (logs[i].id == id &&
					account ==
						id_is_account(&logs[i].known.log
								       .folder))
					show_log(s, &logs[i], &text);
	return mem_dup(buf_str(&text));
}

/* A pass that succeeds and logs just this; lines end in "\n". */
static inline void logs(struct scene *s, const char *text)
{
	pass(s);
	if (s->rc < 0)
		fail_msg("%d: %s", s->rc, s->err.text);
	AUTO_FREE char *got = news(s);
	assert_string_equal(got, text);
}

/* A pass that fails with this code and logs just this. */
static inline void refuses(struct scene *s, int code, const char *text)
{
	pass(s);
	if (s->rc != code)
		fail_msg("%d: %s", s->rc, s->err.text);
	AUTO_FREE char *got = news(s);
	assert_string_equal(got, text);
}

#endif
