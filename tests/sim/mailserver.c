#include "mailserver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "os.h"
#include "simtree.h"

/* A name that is too long for the simulation is the simulation's mistake. */
void mail_text(char *to, size_t room, const char *from)
{
	size_t len = strlen(from);

	if (len >= room)
		abort();
	memcpy(to, from, len + 1);
}

/* ---- bodies ---- */

struct mail_body *mailbag_take(
	struct mailbag *bag, const void *data, size_t len)
{
	struct mail_body *b;

	for (size_t i = bag->count; i-- > 0;) {
		b = bag->bodies[i];
		if (b->len == len && (!len || !memcmp(b->data, data, len)))
			return b;
	}
	b = mem_alloc(sizeof(*b));
	b->data = (uint8_t *)mem_dup_n(data, len);
	b->len = len;
	b->number = bag->count + 1;
	bag->bodies =
		mem_grow(bag->bodies, bag->count + 1, sizeof(*bag->bodies));
	return bag->bodies[bag->count++] = b;
}

void mailbag_free(struct mailbag *bag)
{
	for (size_t i = 0; i < bag->count; i++) {
		free(bag->bodies[i]->data);
		free(bag->bodies[i]);
	}
	free(bag->bodies);
	*bag = (struct mailbag){0};
}

/* ---- folders ---- */

void mail_touch(struct mail_server *s, struct mail_folder *f)
{
	f->version = ++s->next_version;
	f->changed_ns = s->os->ops->wall_ns(s->os);
}

bool mail_is_below(const char *path, const char *parent)
{
	size_t len = strlen(parent);

	return strncmp(path, parent, len) == 0 && path[len] == '/';
}

struct mail_folder *mail_folder_find(
	const struct mail_server *s, const char *path)
{
	for (size_t i = 0; i < s->folder_count; i++)
		if (strcmp(s->folders[i].path, path) == 0)
			return &s->folders[i];
	return NULL;
}

struct mail_folder *mail_folder_add(struct mail_server *s, const char *path)
{
	struct mail_folder *f;

	s->folders =
		mem_grow(s->folders, s->folder_count + 1, sizeof(*s->folders));
	f = &s->folders[s->folder_count++];
	*f = (struct mail_folder){.ino = s->next_ino++, .uidnext = 1};
	mail_text(f->path, sizeof(f->path), path);
	mail_touch(s, f);
	return f;
}

static void forget_undo(struct mail_server *s, uint64_t folder)
{
	size_t left = 0;

	for (size_t i = 0; i < s->undo_count; i++)
		if (s->undo[i].folder != folder)
			s->undo[left++] = s->undo[i];
	s->undo_count = left;
}

void mail_folder_remove(struct mail_server *s, struct mail_folder *f)
{
	forget_undo(s, f->ino);
	free(f->mails);
	free(f->lines);
	s->folder_count--;
	memmove(f, f + 1,
		(size_t)(s->folders + s->folder_count - f) * sizeof(*f));
}

void mail_synced(struct mail_server *s, const struct mail_folder *f)
{
	forget_undo(s, f->ino);
}

/* ---- messages and lines ---- */

/* Where base is, or belongs. */
static size_t mail_place(const struct mail_folder *f, const char *base)
{
	size_t i = 0;

	while (i < f->count && strcmp(f->mails[i].base, base) < 0)
		i++;
	return i;
}

struct mail *mail_by_base(const struct mail_folder *f, const char *base)
{
	size_t i = mail_place(f, base);

	return i < f->count && !strcmp(f->mails[i].base, base) ? &f->mails[i]
							       : NULL;
}

struct mail *mail_add(struct mail_folder *f, const struct mail *m)
{
	size_t i = mail_place(f, m->base);
	struct mail copy = *m; /* it may lie in the array that grows */

	f->mails = mem_grow(f->mails, f->count + 1, sizeof(*f->mails));
	memmove(f->mails + i + 1, f->mails + i,
		(f->count++ - i) * sizeof(*f->mails));
	f->mails[i] = copy;
	return &f->mails[i];
}

void mail_remove(struct mail_folder *f, struct mail *m)
{
	f->count--;
	memmove(m, m + 1, (size_t)(f->mails + f->count - m) * sizeof(*m));
}

struct mail_line *mail_line_find(const struct mail_folder *f, const char *base)
{
	for (size_t i = 0; i < f->line_count; i++)
		if (strcmp(f->lines[i].base, base) == 0)
			return &f->lines[i];
	return NULL;
}

void mail_line_add(struct mail_folder *f, const char *base, uint32_t uid)
{
	struct mail_line *old = mail_line_find(f, base);
	size_t i = 0;

	if (old) {
		old->uid = uid;
		return;
	}
	while (i < f->line_count && strcmp(f->lines[i].base, base) < 0)
		i++;
	f->lines = mem_grow(f->lines, f->line_count + 1, sizeof(*f->lines));
	memmove(f->lines + i + 1, f->lines + i,
		(f->line_count++ - i) * sizeof(*f->lines));
	mail_text(f->lines[i].base, sizeof(f->lines[i].base), base);
	f->lines[i].uid = uid;
}

void mail_line_remove(struct mail_folder *f, struct mail_line *line)
{
	f->line_count--;
	memmove(line, line + 1,
		(size_t)(f->lines + f->line_count - line) * sizeof(*line));
}

struct mail *mail_find(const struct mail_folder *f, unsigned token)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->mails[i].body->token == token)
			return &f->mails[i];
	return NULL;
}

/* ---- life ---- */

static void fresh_identity(struct mail_server *s, struct mail_folder *f)
{
	f->uidvalidity = s->next_uidvalidity++;
	s->os->ops->random(s->os, &f->guid, sizeof(f->guid));
}

void mail_server_init(struct mail_server *s, struct os *os, struct mailbag *bag,
	const char *host, uint32_t uidvalidity)
{
	*s = (struct mail_server){.os = os,
		.bag = bag,
		.host = host,
		.next_ino = 1000,
		.next_uidvalidity = uidvalidity};
	fresh_identity(s, mail_folder_add(s, "INBOX"));
}

void mail_server_release(struct mail_server *s)
{
	while (s->folder_count)
		mail_folder_remove(s, &s->folders[s->folder_count - 1]);
	free(s->folders);
	free(s->subscribed);
	free(s->undo);
	free(s->trash);
	*s = (struct mail_server){0};
}

static void *array_copy(const void *from, size_t count, size_t size)
{
	void *to = mem_array(count + 1, size);

	if (count)
		memcpy(to, from, count * size);
	return to;
}

void mail_server_copy(
	struct mail_server *to, const struct mail_server *from, struct os *os)
{
	*to = *from;
	to->os = os;
	to->folders = array_copy(
		from->folders, from->folder_count, sizeof(*to->folders));
	for (size_t i = 0; i < to->folder_count; i++) {
		struct mail_folder *f = &to->folders[i];

		f->mails = array_copy(f->mails, f->count, sizeof(*f->mails));
		f->lines =
			array_copy(f->lines, f->line_count, sizeof(*f->lines));
	}
	to->subscribed = array_copy(from->subscribed, from->subscribed_count,
		sizeof(*to->subscribed));
	to->undo = array_copy(from->undo, from->undo_count, sizeof(*to->undo));
	to->trash =
		array_copy(from->trash, from->trash_count, sizeof(*to->trash));
}

void mail_server_restore(struct mail_server *s, const struct mail_server *image)
{
	struct mail_server old = *s;

	mail_server_copy(s, image, old.os);
	s->next_ino = old.next_ino;
	s->next_version = old.next_version;
	s->delivered = old.delivered;
	s->undo_count = 0;
	for (size_t i = 0; i < s->folder_count; i++) {
		struct mail_folder *f = &s->folders[i];

		f->ino = s->next_ino++;
		for (size_t k = 0; k < f->count; k++)
			f->mails[k].ino = s->next_ino++;
		mail_touch(s, f);
	}
	mail_server_release(&old);
}

/* ---- users: folders ---- */

bool mail_create(struct mail_server *s, const char *path)
{
	if (mail_folder_find(s, path))
		return false;
	fresh_identity(s, mail_folder_add(s, path));
	return true;
}

bool mail_delete(struct mail_server *s, const char *path)
{
	struct mail_folder *f = mail_folder_find(s, path);

	if (!f || strcmp(path, "INBOX") == 0)
		return false;
	mail_folder_remove(s, f);
	return true;
}

bool mail_rename(struct mail_server *s, const char *from, const char *to)
{
	size_t len = strlen(from);

	if (!mail_folder_find(s, from) || strcmp(from, "INBOX") == 0 ||
		mail_is_below(to, from))
		return false;
	for (size_t i = 0; i < s->folder_count; i++)
		if (strcmp(s->folders[i].path, to) == 0 ||
			mail_is_below(s->folders[i].path, to))
			return false;
	for (size_t i = 0; i < s->folder_count; i++) {
		struct mail_folder *f = &s->folders[i];
		char path[2 * MAIL_PATH];

		if (strcmp(f->path, from) && !mail_is_below(f->path, from))
			continue;
		snprintf(path, sizeof(path), "%s%s", to, f->path + len);
		mail_text(f->path, sizeof(f->path), path);
	}
	return true;
}

bool mail_subscribe(struct mail_server *s, const char *path, bool value)
{
	size_t i = 0;

	while (i < s->subscribed_count && strcmp(s->subscribed[i], path) < 0)
		i++;
	bool has = i < s->subscribed_count && !strcmp(s->subscribed[i], path);
	if (has == value)
		return false;
	if (value) {
		s->subscribed = mem_grow(s->subscribed, s->subscribed_count + 1,
			sizeof(*s->subscribed));
		memmove(s->subscribed + i + 1, s->subscribed + i,
			(s->subscribed_count++ - i) * sizeof(*s->subscribed));
		mail_text(s->subscribed[i], sizeof(s->subscribed[i]), path);
	} else {
		s->subscribed_count--;
		memmove(s->subscribed + i, s->subscribed + i + 1,
			(s->subscribed_count - i) * sizeof(*s->subscribed));
	}
	return true;
}

/* ---- users: mail ---- */

bool mail_save(struct mail_server *s, const char *path,
	const struct mail_body *body, const char *letters, int64_t mtime,
	bool in_new, bool numbered)
{
	struct mail_folder *f = mail_folder_find(s, path);
	struct mail m = {.body = body, .mtime = mtime, .in_new = in_new};

	if (!f)
		return false;
	m.ctime_ns = s->os->ops->wall_ns(s->os);
	snprintf(m.base, sizeof(m.base), "%lld.M%lluP7.%s",
		(long long)(m.ctime_ns / 1000000000),
		(unsigned long long)++s->delivered, s->host);
	mail_text(m.letters, sizeof(m.letters), letters);
	m.ino = s->next_ino++;
	m.uid = numbered ? f->uidnext++ : 0;
	mail_add(f, &m);
	mail_touch(s, f);
	return true;
}

static void note_undo(struct mail_server *s, const struct mail_folder *f,
	const struct mail *m, bool expunged)
{
	s->undo = mem_grow(s->undo, s->undo_count + 1, sizeof(*s->undo));
	s->undo[s->undo_count++] = (struct mail_undo){f->ino, expunged, *m};
}

/* The message that users see: one that has a UID. */
static struct mail *seen_mail(const struct mail_folder *f, unsigned token)
{
	struct mail *m = f ? mail_find(f, token) : NULL;

	return m && m->uid ? m : NULL;
}

static void renamed(
	struct mail_server *s, struct mail_folder *f, struct mail *m)
{
	m->ctime_ns = s->os->ops->wall_ns(s->os);
	m->in_new = false;
	mail_touch(s, f);
}

bool mail_letter(struct mail_server *s, const char *path, unsigned token,
	char letter, bool value)
{
	struct mail_folder *f = mail_folder_find(s, path);
	struct mail *m = seen_mail(f, token);
	char letters[sizeof(m->letters)];
	size_t len = 0;

	if (!m || (strchr(m->letters, letter) != NULL) == value)
		return false;
	note_undo(s, f, m, false);
	for (const char *l = "DFRST"; *l; l++)
		if (*l == letter ? value : strchr(m->letters, *l) != NULL)
			letters[len++] = *l;
	letters[len] = '\0';
	mail_text(m->letters, sizeof(m->letters), letters);
	renamed(s, f, m);
	return true;
}

int mail_keyword_number(
	struct mail_folder *f, const char *name, size_t len, bool make)
{
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++)
		if (strlen(f->keywords[i]) == len &&
			!strncasecmp(f->keywords[i], name, len))
			return i;
	for (int i = 0; make && i < STORE_KEYWORDS_MAX; i++) {
		if (f->keywords[i][0])
			continue;
		AUTO_FREE char *text = mem_dup_n(name, len);
		mail_text(f->keywords[i], sizeof(f->keywords[i]), text);
		return i;
	}
	return -1;
}

bool mail_keyword(struct mail_server *s, const char *path, unsigned token,
	const char *name, bool value)
{
	struct mail_folder *f = mail_folder_find(s, path);
	struct mail *m = seen_mail(f, token);
	int number = m ? mail_keyword_number(f, name, strlen(name), value) : -1;

	if (number < 0 || (m->keywords >> number & 1) == value)
		return false;
	note_undo(s, f, m, false);
	m->keywords ^= UINT32_C(1) << number;
	renamed(s, f, m);
	return true;
}

bool mail_expunge(struct mail_server *s, const char *path, unsigned token)
{
	struct mail_folder *f = mail_folder_find(s, path);
	struct mail *m = seen_mail(f, token);

	if (!m)
		return false;
	note_undo(s, f, m, true);
	mail_remove(f, m);
	mail_touch(s, f);
	return true;
}

/* Keywords have other letters in another folder. */
static void take_keywords(struct mail_folder *to,
	const struct mail_folder *from, const struct mail *m, struct mail *ret)
{
	ret->keywords = 0;
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		const char *name = from->keywords[i];
		int number = m->keywords >> i & 1
				     ? mail_keyword_number(
					       to, name, strlen(name), true)
				     : -1;

		if (number >= 0)
			ret->keywords |= UINT32_C(1) << number;
	}
}

bool mail_copy(
	struct mail_server *s, const char *from, unsigned token, const char *to)
{
	struct mail_folder *source = mail_folder_find(s, from);
	struct mail_folder *f = mail_folder_find(s, to);
	const struct mail *m = seen_mail(source, token);
	struct mail copy;

	if (!m || !f)
		return false;
	copy = *m;
	take_keywords(f, source, m, &copy);
	if (mail_by_base(
		    f, m->base)) { /* as Dovecot: the old one is the GUID */
		snprintf(copy.extra, sizeof(copy.extra), "G%s", m->base);
		snprintf(copy.base, sizeof(copy.base), "%lld.M%lluP8.%s",
			(long long)(m->ctime_ns / 1000000000),
			(unsigned long long)++s->delivered, s->host);
	}
	copy.uid = f->uidnext++;
	copy.in_new = false;
	copy.ctime_ns = s->os->ops->wall_ns(s->os);
	mail_add(f, &copy);
	mail_touch(s, f);
	return true;
}

bool mail_select(struct mail_server *s, const char *path)
{
	struct mail_folder *f = mail_folder_find(s, path);
	bool changed = false;

	if (!f)
		return false;
	for (size_t i = 0; i < f->count; i++) {
		struct mail *m = &f->mails[i];

		changed |= !m->uid || m->in_new;
		if (!m->uid)
			m->uid = f->uidnext++;
		m->in_new = false;
	}
	changed |= f->line_count > 0;
	f->line_count = 0;
	if (changed)
		mail_touch(s, f);
	return true;
}

/* ---- a power cut ---- */

static struct mail *take_back(
	struct mail_server *s, struct mail_folder *f, const struct mail_undo *u)
{
	struct mail *m = mail_by_base(f, u->was.base);

	if (m && m->ino == u->was.ino) {
		mail_text(m->letters, sizeof(m->letters), u->was.letters);
		m->keywords = u->was.keywords;
		m->in_new = u->was.in_new;
	} else if (!m && u->expunged) {
		m = mail_add(f, &u->was);
		m->uid = 0; /* its line is durably gone */
		m->extra[0] = '\0';
	} else {
		return NULL;
	}
	mail_touch(s, f);
	return m;
}

void mail_server_cut(
	struct mail_server *s, uint64_t seed, mail_taken_back_fn *fn, void *arg)
{
	/* Of each folder some that were done last. */
	for (size_t i = 0; i < s->folder_count; i++) {
		struct mail_folder *f = &s->folders[i];
		bool going = sim_below(&seed, 2);

		for (size_t k = s->undo_count; going && k-- > 0;) {
			struct mail *m;

			if (s->undo[k].folder != f->ino)
				continue;
			m = take_back(s, f, &s->undo[k]);
			if (m)
				fn(arg, f, m);
			going = sim_below(&seed, 3);
		}
	}
	s->undo_count = 0;
}
