#include "mailuser.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "ident.h"
#include "mem.h"

#define FIRST_DATE INT64_C(1600000000)
#define NS_PER_S INT64_C(1000000000)

static char *dir_of(const struct mailuser *u, const char *folder)
{
	char *dir;

	if (strcmp(folder, "INBOX") == 0)
		return mem_dup(u->root);
	dir = mem_printf("%s/.%s", u->root, folder);
	for (char *p = dir + strlen(u->root) + 2; *p; p++)
		if (*p == '/')
			*p = '.';
	return dir;
}

static char *base_of(unsigned mail)
{
	return mem_printf(
		"%lld.M%uP9.server", (long long)(FIRST_DATE + 60 * mail), mail);
}

/* By a temporary file and a rename, which are not durable. */
static void replace(struct mailuser *u, const char *path, const char *text)
{
	AUTO_FREE char *tmp = mem_printf("%s.new", path);
	int fd = u->os->ops->open(
		u->os, tmp, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		return;
	os_write_all(u->os, fd, text, strlen(text), 0, tmp, NULL);
	u->os->ops->fsync(u->os, fd); /* the server's, by default */
	u->os->ops->close(u->os, fd);
	u->os->ops->rename(u->os, tmp, path);
}

static void make(struct mailuser *u, const char *folder, unsigned validity)
{
	static const char *const parts[] = {"", "/cur", "/new", "/tmp"};
	AUTO_FREE char *dir = dir_of(u, folder);
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", dir);
	struct hash h = hash_of(folder, strlen(folder));
	char hex[HASH_HEX];

	for (size_t i = 0; i < 4; i++) {
		AUTO_FREE char *part = mem_printf("%s%s", dir, parts[i]);

		u->os->ops->mkdir(u->os, part, 0700);
	}
	hash_hex(&h, hex);
	AUTO_FREE char *head = mem_printf("3 V%u N1 G%.32s\n",
		validity + (unsigned)(h.b[0] << 8 | h.b[1]), hex);
	replace(u, list, head);
}

void mailuser_folder(struct mailuser *u, const char *folder)
{
	make(u, folder, 1000);
}

void mailuser_heal(struct mailuser *u)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	struct os_stat st;
	size_t at = 0;

	u->os->ops->list(u->os, u->root, &names);
	while (os_list_next(&names, &at, &e)) {
		if (e.name[0] != '.' || e.name[1] == '.')
			continue;
		AUTO_FREE char *folder = mem_dup(e.name + 1);
		for (char *p = folder; *p; p++)
			if (*p == '.')
				*p = '/';
		AUTO_FREE char *list =
			mem_printf("%s/%s/dovecot-uidlist", u->root, e.name);
		if (u->os->ops->lstat(u->os, list, &st) < 0)
			make(u, folder, 100000);
	}
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", u->root);
	if (u->os->ops->lstat(u->os, list, &st) < 0)
		make(u, "INBOX", 100000);
}

struct list {
	struct buf text;
	size_t lines;  /* where the first line begins */
	size_t last;   /* where the last whole line begins; 0: there is none */
	size_t whole;  /* where the last whole line ends */
	unsigned next; /* UIDNEXT */
};

static bool read_list(struct mailuser *u, const char *path, struct list *ret)
{
	const char *text, *mark, *end;

	*ret = (struct list){.text = BUF_INIT};
	if (file_read(u->os, path, 1 << 20, &ret->text, NULL) < 0)
		return false;
	text = buf_str(&ret->text);
	mark = strstr(text, " N");
	end = strchr(text, '\n');
	if (!end || !mark || mark > end)
		return false;
	ret->next = (unsigned)strtoul(mark + 2, NULL, 10);
	ret->lines = ret->whole = (size_t)(end - text) + 1;
	/* Zero bytes end what can be read of it, as a torn line does. */
	for (const char *at = end + 1; (end = strchr(at, '\n')); at = end + 1) {
		unsigned uid = (unsigned)strtoul(at, NULL, 10);

		ret->last = (size_t)(at - text);
		ret->whole = (size_t)(end - text) + 1;
		if (uid >= ret->next)
			ret->next = uid + 1;
	}
	return true;
}

/* One more line, under the next UID; a torn list is made anew first. */
static void number(struct mailuser *u, const char *folder, const char *base)
{
	AUTO_FREE char *dir = dir_of(u, folder);
	AUTO_FREE char *path = mem_printf("%s/dovecot-uidlist", dir);
	struct list l;

	if (read_list(u, path, &l)) {
		AUTO_FREE char *line = mem_printf("%u :%s\n", l.next, base);
		int fd;

		if (l.whole < l.text.len) {
			AUTO_FREE char *kept =
				mem_dup_n(buf_str(&l.text), l.whole);

			replace(u, path, kept);
		}
		fd = u->os->ops->open(u->os, path, O_WRONLY, 0);
		if (fd >= 0) {
			os_write_all(u->os, fd, line, strlen(line),
				(int64_t)l.whole, path, NULL);
			u->os->ops->close(u->os, fd);
		}
	}
	buf_free(&l.text);
}

static void lose_line(struct mailuser *u, const char *path)
{
	AUTO_BUF struct buf out = BUF_INIT;
	struct list l;

	if (read_list(u, path, &l) && l.last) {
		const char *text = buf_str(&l.text);
		const char *mark = strstr(text, " N");
		unsigned uid = (unsigned)strtoul(text + l.last, NULL, 10);
		unsigned head = (unsigned)strtoul(mark + 2, NULL, 10);

		buf_add(&out, text, (size_t)(mark - text));
		buf_printf(&out, " N%u", head < uid ? head : uid);
		mark += 1 + strcspn(mark + 1, " \n");
		buf_add(&out, mark, (size_t)(text + l.last - mark));
		replace(u, path, buf_str(&out));
	}
	buf_free(&l.text);
}

void mailuser_lose_lines(struct mailuser *u)
{
	AUTO_FREE char *inbox = mem_printf("%s/dovecot-uidlist", u->root);
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;

	u->os->ops->list(u->os, u->root, &names);
	while (os_list_next(&names, &at, &e)) {
		AUTO_FREE char *list =
			mem_printf("%s/%s/dovecot-uidlist", u->root, e.name);

		if (e.name[0] == '.' && e.name[1] != '.')
			lose_line(u, list);
	}
	lose_line(u, inbox);
}

unsigned mailuser_deliver(
	struct mailuser *u, const char *folder, size_t size, const char *flags)
{
	unsigned mail = ++u->mails;
	AUTO_FREE char *dir = dir_of(u, folder);
	AUTO_FREE char *base = base_of(mail);
	AUTO_FREE char *tmp = mem_printf("%s/tmp/%s", dir, base);
	AUTO_FREE char *to =
		flags ? mem_printf("%s/cur/%s:2,%s", dir, base, flags)
		      : mem_printf("%s/new/%s", dir, base);
	AUTO_BUF struct buf text = BUF_INIT;
	int fd = u->os->ops->open(u->os, tmp, O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		return mail;
	buf_printf(&text, "Subject: mail %u\n\n", mail);
	for (unsigned word = mail; text.len < size; word = word * 69069 + 1)
		buf_printf(&text, "%08x\n", word);
	os_write_all(u->os, fd, text.data, text.len, 0, tmp, NULL);
	u->os->ops->futimens(u->os, fd, (FIRST_DATE + 60 * mail) * NS_PER_S);
	u->os->ops->fsync(u->os, fd);
	u->os->ops->close(u->os, fd);
	u->os->ops->rename(u->os, tmp, to);
	number(u, folder, base);
	return mail;
}

/* The path of a mail's file, NULL if a cut took it away. */
static char *find(struct mailuser *u, const char *folder, unsigned mail)
{
	AUTO_FREE char *dir = dir_of(u, folder);
	AUTO_FREE char *base = base_of(mail);
	size_t len = strlen(base);

	for (int i = 0; i < 2; i++) {
		AUTO_FREE char *part =
			mem_printf("%s/%s", dir, i ? "cur" : "new");
		AUTO_BUF struct buf names = BUF_INIT;
		struct os_entry e;
		size_t at = 0;

		if (u->os->ops->list(u->os, part, &names) < 0)
			continue;
		while (os_list_next(&names, &at, &e))
			if (strncmp(e.name, base, len) == 0 &&
				(e.name[len] == ':' || !e.name[len]))
				return mem_printf("%s/%s", part, e.name);
	}
	return NULL;
}

void mailuser_flags(struct mailuser *u, const char *folder, unsigned mail,
	const char *flags)
{
	AUTO_FREE char *from = find(u, folder, mail);
	AUTO_FREE char *dir = dir_of(u, folder);
	AUTO_FREE char *base = base_of(mail);
	AUTO_FREE char *to = mem_printf("%s/cur/%s:2,%s", dir, base, flags);

	if (from)
		u->os->ops->rename(u->os, from, to);
}

void mailuser_copy(
	struct mailuser *u, const char *from, unsigned mail, const char *to)
{
	AUTO_FREE char *file = find(u, from, mail);
	AUTO_FREE char *dir = dir_of(u, to);
	AUTO_FREE char *base = base_of(mail);

	if (!file)
		return;
	AUTO_FREE char *there =
		mem_printf("%s/cur/%s", dir, strrchr(file, '/') + 1);
	u->os->ops->link(u->os, file, there);
	number(u, to, base);
}

void mailuser_expunge(struct mailuser *u, const char *folder, unsigned mail)
{
	AUTO_FREE char *file = find(u, folder, mail);

	if (file)
		u->os->ops->unlink(u->os, file);
}

void mailuser_move(
	struct mailuser *u, const char *from, unsigned mail, const char *to)
{
	mailuser_copy(u, from, mail, to);
	mailuser_expunge(u, from, mail);
}

void mailuser_rename(struct mailuser *u, const char *from, const char *to)
{
	AUTO_FREE char *old = dir_of(u, from);
	AUTO_FREE char *new = dir_of(u, to);
	const char *name = strrchr(old, '/') + 1;
	size_t len = strlen(name);
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;

	if (u->os->ops->list(u->os, u->root, &names) < 0)
		return;
	while (os_list_next(&names, &at, &e)) {
		if (strncmp(e.name, name, len) ||
			(e.name[len] && e.name[len] != '.'))
			continue;
		AUTO_FREE char *a = mem_printf("%s/%s", u->root, e.name);
		AUTO_FREE char *b = mem_printf("%s%s", new, e.name + len);

		u->os->ops->rename(u->os, a, b);
	}
}

bool mailuser_is_empty(struct mailuser *u, const char *folder)
{
	static const char *const subs[] = {"cur", "new"};
	AUTO_FREE char *dir = dir_of(u, folder);
	struct os_stat st;
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *sub = mem_printf("%s/%s", dir, subs[i]);
		AUTO_BUF struct buf list = BUF_INIT;
		struct os_entry e;
		size_t at = 0;

		any |= u->os->ops->list(u->os, sub, &list) >= 0 &&
		       os_list_next(&list, &at, &e);
	}
	return !any && u->os->ops->lstat(u->os, dir, &st) >= 0;
}

void mailuser_delete(struct mailuser *u, const char *folder)
{
	AUTO_FREE char *dir = dir_of(u, folder);
	AUTO_FREE char *away = mem_printf("%s/..DOVECOT-TRASHED", u->root);

	u->os->ops->rename(u->os, dir, away);
	dir_remove(u->os, away, NULL);
}

void mailuser_keywords(struct mailuser *u, const char *folder, const char *text)
{
	AUTO_FREE char *dir = dir_of(u, folder);
	AUTO_FREE char *path = mem_printf("%s/dovecot-keywords", dir);

	replace(u, path, text);
}

void mailuser_subscriptions(struct mailuser *u, const char *text)
{
	AUTO_FREE char *path = mem_printf("%s/subscriptions", u->root);

	replace(u, path, text);
}

/* ---- what a user does ---- */

static void first_mail(struct mailuser *u)
{
	static const char *const folders[] = {
		"INBOX", "Work", "Work/2026", "Old", "Archive"};

	for (size_t i = 0; i < 5; i++)
		mailuser_folder(u, folders[i]);
	mailuser_keywords(u, "INBOX", "0 $Forwarded\n1 later\n");
	mailuser_deliver(u, "INBOX", 300, NULL);    /* 1 */
	mailuser_deliver(u, "INBOX", 9000, "S");    /* 2 */
	mailuser_deliver(u, "INBOX", 200, "FSa");   /* 3 */
	mailuser_deliver(u, "INBOX", 200, "Rb");    /* 4 */
	mailuser_deliver(u, "Work", 300, "S");	    /* 5 */
	mailuser_deliver(u, "Work", 310, "");	    /* 6 */
	mailuser_deliver(u, "Work/2026", 320, "F"); /* 7 */
	mailuser_deliver(u, "Old", 330, "S");	    /* 8 */
	mailuser_deliver(u, "Archive", 340, "S");   /* 9 */
	mailuser_subscriptions(u, "V\t2\n\nINBOX\nWork\n");
}

static void changes(struct mailuser *u)
{
	mailuser_flags(u, "INBOX", 1, "S");
	mailuser_flags(u, "INBOX", 2, "FSb");
	mailuser_move(u, "INBOX", 3, "Archive");
	mailuser_copy(u, "INBOX", 4, "Work");
	mailuser_expunge(u, "Archive", 9);
	mailuser_rename(u, "Work", "Projects");
	mailuser_delete(u, "Old");
	mailuser_folder(u, "Fresh");
	mailuser_deliver(u, "Fresh", 2000, NULL);
	mailuser_move(u, "Projects", 6, "Fresh");
	mailuser_deliver(u, "INBOX", 5000, "");
	mailuser_subscriptions(u, "V\t2\n\nINBOX\nProjects\n");
}

void mailuser_trip(struct mailuser *u, int trip)
{
	if (trip == 0)
		first_mail(u);
	else
		changes(u);
}
