/*
 * maildir_tool: does to a Maildir what lines of standard input say, through
 * lib/maildir, and answers each with a line "ok" or "error: …".
 *
 *	open ROOT CONTROL INDEX plusplus|fs UID GID    "-" for none
 *	add FOLDER BASE UID LETTERS KEYWORDS MTIME FILE   "-" for none; "a,b"
 *	build FOLDER V N GUID [BASE UID LETTERS KEYWORDS MTIME FILE]
 *	flags FOLDER BASE LETTERS KEYWORDS
 *	expunge FOLDER BASE
 *	uid FOLDER BASE UID
 *	identity FOLDER V N GUID
 *	rename FROM TO | remove FOLDER | subscribe FOLDER 0|1
 *	view FOLDER     prints "BASE UID LETTERS KEYWORDS" lines first
 *	list            prints folders first
 *
 * Words are separated by tabs. For the live test only.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "maildir.h"
#include "mem.h"
#include "os.h"

#define WORDS 12

static struct store *store;

static const char *none(const char *word)
{
	return strcmp(word, "-") == 0 ? "" : word;
}

static uint32_t number(const char *word)
{
	return (uint32_t)strtoul(word, NULL, 10);
}

/* "a,b" as "a b". */
static char *keywords_of(const char *word)
{
	char *names = mem_dup(none(word));

	for (char *p = names; *p; p++) {
		if (*p == ',')
			*p = ' ';
	}
	return names;
}

static int do_open(char **w, struct err *err)
{
	struct maildir_config config = {
		.root = w[1],
		.control = strcmp(w[2], "-") ? w[2] : NULL,
		.index = strcmp(w[3], "-") ? w[3] : NULL,
		.layout = strcmp(w[4], "fs") ? MAILDIR_PLUSPLUS : MAILDIR_FS,
		.uid = number(w[5]),
		.gid = number(w[6]),
		.dovecot = true,
	};

	return maildir_open(os_real(), &config, false, &store, err);
}

static int stage_file(struct store_stage *st, const char *path,
	const char *mtime, size_t *ret, struct err *err)
{
	struct os *os = store->os;
	struct store_body body = {.mtime = strtol(mtime, NULL, 10)};
	struct os_stat info;
	int r;

	body.fd = os->ops->open(os, path, O_RDONLY, 0);
	if (body.fd < 0)
		return err_set_os(err, -body.fd, "open %s", path);
	os->ops->fstat(os, body.fd, &info);
	body.size = (uint64_t)info.size;
	r = store->ops->stage_add(st, &body, ret, err);
	os->ops->close(os, body.fd);
	return r == 0 ? store->ops->stage_sync(st, err) : r;
}

static void note_add(struct store_txn *t, char **w, size_t staged)
{
	char *keywords = keywords_of(w[3]);

	store->ops->txn_add(t, &(struct store_add){.base = w[0],
				       .uid = number(w[1]),
				       .letters = none(w[2]),
				       .keywords = keywords,
				       .extra = "",
				       .staged = staged});
	free(keywords);
}

static struct store_identity identity_of(char **w)
{
	struct store_identity id = {.has_uids = true,
		.uidvalidity = number(w[0]),
		.uidnext = number(w[1]),
		.extra = ""};

	id.has_guid = id_from_hex(w[2], &id.guid) == 0;
	return id;
}

/* mail: six words, or NULL; identity: three words, or NULL. */
static int add_in(const char *folder, bool build, char **mail, char **identity,
	struct err *err)
{
	struct store_stage *st = NULL;
	struct store_txn *t = NULL;
	size_t staged = 0;
	int r = store->ops->stage_begin(store, build ? NULL : folder, &st, err);

	if (r == 0 && mail)
		r = stage_file(st, mail[5], mail[4], &staged, err);
	if (r == 0)
		r = store->ops->txn_begin(store, folder, build, st, &t, err);
	if (r == 0 && mail)
		note_add(t, mail, staged);
	if (r == 0 && identity) {
		struct store_identity id = identity_of(identity);

		store->ops->txn_identity(t, &id);
	}
	if (r == 0)
		r = store->ops->txn_commit(t, err);
	if (t)
		store->ops->txn_end(t);
	if (st)
		store->ops->stage_end(st);
	return r;
}

static int change(char **w, struct err *err)
{
	struct store_txn *t;
	int r = store->ops->txn_begin(store, w[1], false, NULL, &t, err);

	if (r < 0)
		return r;
	if (strcmp(w[0], "flags") == 0) {
		char *keywords = keywords_of(w[4]);

		store->ops->txn_flags(t, w[2], none(w[3]), keywords);
		free(keywords);
	} else if (strcmp(w[0], "expunge") == 0) {
		store->ops->txn_expunge(t, w[2]);
	} else if (strcmp(w[0], "uid") == 0) {
		uint32_t uid = number(w[3]);

		if (!uid)
			uid = store->ops->txn_view(t)->identity.uidnext;
		store->ops->txn_uid(t, w[2], uid, NULL);
	} else {
		struct store_identity id = identity_of(w + 2);

		store->ops->txn_identity(t, &id);
	}
	r = store->ops->txn_commit(t, err);
	store->ops->txn_end(t);
	return r;
}

static int do_view(char **w, struct err *err)
{
	struct arena arena = {0};
	struct store_view v;
	int r = store->ops->view(store, w[1], STORE_UNLOCKED, &v, err);

	for (size_t i = 0; r == 0 && i < v.count; i++) {
		const struct store_message *m = &v.messages[i];

		printf("%s\t%u\t%s\t%s\n", m->base, m->uid, m->letters,
			store_message_keywords(&v, m, &arena));
	}
	if (r == 0)
		store_view_free(&v);
	arena_free(&arena);
	return r;
}

static int do_list(struct err *err)
{
	struct store_list list;
	int r = store->ops->list(store, &list, err);

	for (size_t i = 0; r == 0 && i < list.folder_count; i++)
		printf("%s\n", list.folders[i].path);
	if (r == 0)
		store_list_free(&list);
	return r;
}

static int do_words(char **w, size_t count, struct err *err)
{
	const char *verb = w[0];

	if (strcmp(verb, "open") == 0 && count == 7)
		return do_open(w, err);
	if (strcmp(verb, "add") == 0 && count == 8)
		return add_in(w[1], false, w + 2, NULL, err);
	if (strcmp(verb, "build") == 0 && (count == 5 || count == 11))
		return add_in(
			w[1], true, count == 11 ? w + 5 : NULL, w + 2, err);
	if (strcmp(verb, "rename") == 0 && count == 3)
		return store->ops->rename(store, w[1], w[2], err);
	if (strcmp(verb, "remove") == 0 && count == 2)
		return store->ops->remove(store, w[1], err);
	if (strcmp(verb, "subscribe") == 0 && count == 3)
		return store->ops->subscribe(store, w[1], *w[2] == '1', err);
	if (strcmp(verb, "view") == 0 && count == 2)
		return do_view(w, err);
	if (strcmp(verb, "list") == 0 && count == 1)
		return do_list(err);
	if ((strcmp(verb, "flags") == 0 && count == 5) ||
		(strcmp(verb, "expunge") == 0 && count == 3) ||
		(strcmp(verb, "uid") == 0 && count == 4) ||
		(strcmp(verb, "identity") == 0 && count == 5))
		return change(w, err);
	return err_set(err, ERR_USAGE, "not understood: %s", verb);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		char *words[WORDS] = {NULL};
		char *rest = line;
		size_t count = 0;
		struct err err = ERR_INIT;
		int r;

		line[strcspn(line, "\n")] = '\0';
		while (rest && count < WORDS)
			words[count++] = strsep(&rest, "\t");
		r = do_words(words, count, &err);
		if (r < 0)
			printf("error: %d %s\n", r, err.text);
		else
			printf("ok\n");
		fflush(stdout);
	}
	free(line);
	if (store)
		store->ops->close(store);
	return 0;
}
