#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define FIRST_DATE INT64_C(1600000000)

void oracle_init(struct oracle *o)
{
	*o = (struct oracle){0};
	oracle_create(o, 0, "INBOX");
}

static void drop_folder(struct oracle *o, struct model_folder *f)
{
	free(f->mails);
	o->folder_count--;
	memmove(f, f + 1,
		(size_t)(o->folders + o->folder_count - f) * sizeof(*f));
}

void oracle_release(struct oracle *o)
{
	while (o->folder_count)
		drop_folder(o, &o->folders[o->folder_count - 1]);
	free(o->folders);
	free(o->names);
	free(o->tokens);
	free(o->uids);
	free(o->nexts);
	free(o->present);
	views_release(&o->views);
	*o = (struct oracle){0};
}

void oracle_fail(struct oracle *o, const char *what, const char *fmt, ...)
{
	va_list args;

	if (o->what[0])
		return; /* what comes first matters */
	snprintf(o->what, sizeof(o->what), "%s", what);
	va_start(args, fmt);
	vsnprintf(o->why, sizeof(o->why), fmt, args);
	va_end(args);
}

/* ---- mails ---- */

const struct mail_body *oracle_body(struct mailbag *bag, unsigned token)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct mail_body *b;
	uint32_t word = token * 2654435761u;

	buf_printf(&text, "Subject: mail %u\n\n", token);
	for (unsigned i = 0; i < 4 + word % 60; i++) {
		word = word * 69069u + 1;
		buf_printf(&text, "%08x%c", word, i % 8 == 7 ? '\n' : ' ');
	}
	b = mailbag_take(bag, text.data, text.len);
	b->token = token;
	return b;
}

int64_t oracle_date(unsigned token)
{
	return FIRST_DATE + 60 * (int64_t)token;
}

static struct model_token *token_of(struct oracle *o, unsigned token)
{
	if (token >= o->token_count) {
		size_t count = token + 16;

		o->tokens = mem_grow(o->tokens, count, sizeof(*o->tokens));
		memset(o->tokens + o->token_count, 0,
			(count - o->token_count) * sizeof(*o->tokens));
		o->token_count = count;
	}
	return &o->tokens[token];
}

static void recount(struct oracle *o, unsigned token)
{
	struct model_token *t = token_of(o, token);
	size_t count = 0;

	for (size_t i = 0; i < o->folder_count; i++)
		for (size_t k = 0; k < o->folders[i].count; k++)
			count += o->folders[i].mails[k].token == token;
	if (count > t->most)
		t->most = count;
}

/* ---- what users did ---- */

struct model_folder *model_find(const struct oracle *o, const char *path)
{
	for (size_t i = 0; i < o->folder_count; i++)
		if (strcmp(o->folders[i].path, path) == 0)
			return &o->folders[i];
	return NULL;
}

static struct model_mail *find_mail(
	const struct model_folder *f, unsigned token)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->mails[i].token == token)
			return &f->mails[i];
	return NULL;
}

bool model_has(const struct oracle *o, const char *path, unsigned token)
{
	const struct model_folder *f = model_find(o, path);

	return f && find_mail(f, token);
}

static void note_name(struct oracle *o, unsigned home, const char *path)
{
	o->names = mem_grow(o->names, o->name_count + 1, sizeof(*o->names));
	o->names[o->name_count].home = home;
	mail_text(o->names[o->name_count++].path, MAIL_PATH, path);
}

void oracle_create(struct oracle *o, unsigned home, const char *path)
{
	struct model_folder *f;

	o->folders =
		mem_grow(o->folders, o->folder_count + 1, sizeof(*o->folders));
	f = &o->folders[o->folder_count++];
	*f = (struct model_folder){.home = home};
	f->bit = o->made < 64 ? UINT64_C(1) << o->made : 0;
	o->made++;
	mail_text(f->path, sizeof(f->path), path);
	note_name(o, home, path);
}

void oracle_delete(struct oracle *o, const char *path)
{
	struct model_folder *f = model_find(o, path);

	for (size_t i = 0; i < f->count; i++)
		token_of(o, f->mails[i].token)->removed = true;
	for (size_t i = 0; i < o->token_count; i++)
		o->tokens[i].deleted |= (o->tokens[i].in & f->bit) != 0;
	drop_folder(o, f);
}

void oracle_rename(struct oracle *o, const char *from, const char *to)
{
	size_t len = strlen(from);

	for (size_t i = 0; i < o->folder_count; i++) {
		struct model_folder *f = &o->folders[i];
		char path[2 * MAIL_PATH];

		if (strcmp(f->path, from) && !mail_is_below(f->path, from))
			continue;
		snprintf(path, sizeof(path), "%s%s", to, f->path + len);
		mail_text(f->path, sizeof(f->path), path);
		note_name(o, f->home, path);
		f->subscribed = false; /* the name was, not the folder */
	}
}

void oracle_subscribe(struct oracle *o, const char *path, bool value)
{
	struct model_folder *f = model_find(o, path);

	if (f)
		f->subscribed = value;
}

static struct model_mail *add_mail(
	struct oracle *o, struct model_folder *f, const struct model_mail *m)
{
	f->mails = mem_grow(f->mails, f->count + 1, sizeof(*f->mails));
	f->mails[f->count++] = *m;
	token_of(o, m->token)->in |= f->bit;
	token_of(o, m->token)->homes |= 1u << f->home;
	recount(o, m->token);
	return &f->mails[f->count - 1];
}

void oracle_save(
	struct oracle *o, const char *path, unsigned token, const char *letters)
{
	struct model_mail m = {.token = token};

	mail_text(m.letters, sizeof(m.letters), letters);
	add_mail(o, model_find(o, path), &m);
}

static void set_letter(struct model_mail *m, char letter, bool value)
{
	bool has[128] = {false};
	size_t len = 0;

	for (const char *l = m->letters; *l; l++)
		has[(unsigned char)*l] = true;
	has[(unsigned char)letter] = value;
	for (int c = 0; c < 128; c++)
		if (has[c])
			m->letters[len++] = (char)c;
	m->letters[len] = '\0';
}

static void set_word(struct model_mail *m, const char *word, bool value)
{
	size_t i = 0;

	while (i < m->word_count && strcmp(m->words[i], word) < 0)
		i++;
	bool has = i < m->word_count && strcmp(m->words[i], word) == 0;
	if (has == value)
		return;
	if (value) {
		if (m->word_count == MODEL_WORDS)
			abort();
		memmove(m->words[i + 1], m->words[i],
			(m->word_count++ - i) * sizeof(m->words[0]));
		mail_text(m->words[i], sizeof(m->words[i]), word);
	} else {
		m->word_count--;
		memmove(m->words[i], m->words[i + 1],
			(m->word_count - i) * sizeof(m->words[0]));
	}
}

void oracle_flag(
	struct oracle *o, const char *path, unsigned token, const char *word)
{
	struct model_mail *m = find_mail(model_find(o, path), token);
	bool value = word[0] == '+';

	if (word[1] == '$')
		set_word(m, word + 1, value);
	else
		set_letter(m, word[1], value);
}

static void remove_mail(struct model_folder *f, struct model_mail *m)
{
	f->count--;
	memmove(m, m + 1, (size_t)(f->mails + f->count - m) * sizeof(*m));
}

void oracle_expunge(struct oracle *o, const char *path, unsigned token)
{
	struct model_folder *f = model_find(o, path);

	remove_mail(f, find_mail(f, token));
	token_of(o, token)->removed = true;
}

void oracle_copy(
	struct oracle *o, const char *from, unsigned token, const char *to)
{
	struct model_mail m = *find_mail(model_find(o, from), token);

	m.undone = m.loose = false;
	add_mail(o, model_find(o, to), &m);
}

/* It is there once all the time. */
void oracle_move(
	struct oracle *o, const char *from, unsigned token, const char *to)
{
	struct model_folder *f = model_find(o, from);
	struct model_mail m = *find_mail(f, token);

	m.undone = m.loose = false;
	remove_mail(f, find_mail(f, token));
	add_mail(o, model_find(o, to), &m);
}

static void words_of(const struct mail_folder *f, const struct mail *m,
	struct model_mail *ret)
{
	*ret = (struct model_mail){.token = m->body->token};
	mail_text(ret->letters, sizeof(ret->letters), m->letters);
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++)
		if (m->keywords >> i & 1)
			set_word(ret, f->keywords[i], true);
}

void oracle_taken_back(struct oracle *o, unsigned site,
	const struct mail_folder *f, const struct mail *m)
{
	struct model_folder *model = model_find(o, f->path);
	struct model_mail *old, now;

	if (!model)
		return;
	/* A copy of the machine took back what nobody did at home. */
	if (model->home != site) {
		token_of(o, m->body->token)->most++;
		return;
	}
	words_of(f, m, &now);
	old = find_mail(model, m->body->token);
	if (old)
		*old = now;
	else
		add_mail(o, model, &now);
}

/* ---- images ---- */

static bool same_mail(const struct model_mail *a, const struct model_mail *b)
{
	if (a->token != b->token || strcmp(a->letters, b->letters) ||
		a->word_count != b->word_count)
		return false;
	for (size_t i = 0; i < a->word_count; i++)
		if (strcasecmp(a->words[i], b->words[i]))
			return false;
	return true;
}

static struct model_folder copy_folder(const struct model_folder *f)
{
	struct model_folder c = *f;

	c.mails = mem_array(f->count + 1, sizeof(*c.mails));
	if (f->count)
		memcpy(c.mails, f->mails, f->count * sizeof(*c.mails));
	return c;
}

void oracle_keep(const struct oracle *o, unsigned site, struct model_image *ret)
{
	*ret = (struct model_image){
		.folders = mem_array(o->folder_count + 1, sizeof(*o->folders))};
	for (size_t i = 0; i < o->folder_count; i++)
		if (o->folders[i].home == site)
			ret->folders[ret->count++] =
				copy_folder(&o->folders[i]);
}

void model_image_release(struct model_image *image)
{
	for (size_t i = 0; i < image->count; i++)
		free(image->folders[i].mails);
	free(image->folders);
	*image = (struct model_image){0};
}

/* What of an image is not as users have it now. */
static void note_undone(const struct oracle *o, struct model_folder *f)
{
	const struct model_folder *now = model_find(o, f->path);

	f->undone = !now;
	for (size_t i = 0; i < f->count; i++) {
		const struct model_mail *m =
			now ? find_mail(now, f->mails[i].token) : NULL;

		f->mails[i].undone = !m || !same_mail(m, &f->mails[i]);
	}
}

/* What was seen there since is forgotten: it was the disaster's doing. */
void oracle_restore(
	struct oracle *o, unsigned site, const struct model_image *image)
{
	size_t left = 0;

	for (size_t i = 0; i < image->count; i++)
		note_undone(o, &image->folders[i]);
	for (size_t i = o->folder_count; i-- > 0;)
		if (o->folders[i].home == site)
			drop_folder(o, &o->folders[i]);
	for (size_t i = 0; i < image->count; i++) {
		o->folders = mem_grow(
			o->folders, o->folder_count + 1, sizeof(*o->folders));
		o->folders[o->folder_count++] = copy_folder(&image->folders[i]);
	}
	for (size_t i = 0; i < o->present_count; i++)
		if (o->present[i].site != site)
			o->present[left++] = o->present[i];
	o->present_count = left;
	left = 0;
	for (size_t i = 0; i < o->uid_count; i++)
		if (o->uids[i].site != site)
			o->uids[left++] = o->uids[i];
	o->uid_count = left;
	left = 0;
	for (size_t i = 0; i < o->next_count; i++)
		if (o->nexts[i].site != site)
			o->nexts[left++] = o->nexts[i];
	o->next_count = left;
	o->limbo[site] = true;
}

void oracle_forget(struct oracle *o, unsigned site)
{
	o->forgotten[site] = true;
	for (size_t i = 0; i < o->folder_count; i++) {
		struct model_folder *f = &o->folders[i];

		if (f->home != site)
			continue;
		f->loose |= f->undone;
		for (size_t k = 0; k < f->count; k++)
			f->mails[k].loose |= f->mails[k].undone;
	}
}

void oracle_orphan(struct oracle *o, unsigned site)
{
	o->orphaned[site] = o->limbo[site] = o->views.off = true;
}

void oracle_accept(
	struct oracle *o, unsigned site, unsigned other, bool expunges)
{
	if (expunges)
		o->keeps[site] &= ~(1u << other);
	else
		o->keeps[site] |= 1u << other;
	o->kept[site] |= !expunges;
}

/* ---- UIDs ---- */

static struct seen_next *next_of(
	struct oracle *o, unsigned site, const struct mail_folder *f)
{
	struct seen_next *n;

	for (size_t i = 0; i < o->next_count; i++) {
		n = &o->nexts[i];
		if (n->site == site && n->uidvalidity == f->uidvalidity &&
			strcmp(n->path, f->path) == 0)
			return n;
	}
	o->nexts = mem_grow(o->nexts, o->next_count + 1, sizeof(*o->nexts));
	n = &o->nexts[o->next_count++];
	*n = (struct seen_next){.site = site, .uidvalidity = f->uidvalidity};
	mail_text(n->path, sizeof(n->path), f->path);
	return n;
}

static void look_at_uid(struct oracle *o, unsigned site,
	const struct mail_folder *f, const struct mail *m,
	const struct seen_next *next)
{
	struct seen_uid *u;

	for (size_t i = 0; i < o->uid_count; i++) {
		u = &o->uids[i];
		if (u->site != site || u->uid != m->uid ||
			u->uidvalidity != f->uidvalidity ||
			strcmp(u->path, f->path))
			continue;
		if (u->token != m->body->token)
			oracle_fail(o, "uid",
				"site %c: %s: UID %u was mail %u and is %u",
				'a' + site, f->path, m->uid, u->token,
				m->body->token);
		return;
	}
	if (m->uid < next->selected)
		oracle_fail(o, "uid",
			"site %c: %s: mail %u appears with UID %u, but "
			"UIDNEXT was seen to be %u",
			'a' + site, f->path, m->body->token, m->uid,
			next->selected);
	o->uids = mem_grow(o->uids, o->uid_count + 1, sizeof(*o->uids));
	u = &o->uids[o->uid_count++];
	*u = (struct seen_uid){.site = site,
		.uidvalidity = f->uidvalidity,
		.uid = m->uid,
		.token = m->body->token};
	mail_text(u->path, sizeof(u->path), f->path);
}

static void look_at_uids(
	struct oracle *o, unsigned site, const struct mail_folder *f)
{
	struct seen_next *next = next_of(o, site, f);

	/* Who was its home is not known, nor what that gave last; and that is
	   said. Under a UID that was given lies the same mail, or none. */
	if (next->away && o->orphaned[site])
		next->uidnext = next->selected = 0;
	next->away = false;
	if (f->uidnext < next->uidnext)
		oracle_fail(o, "uid", "site %c: %s: UIDNEXT goes from %u to %u",
			'a' + site, f->path, next->uidnext, f->uidnext);
	next->uidnext = f->uidnext;
	for (size_t i = 0; i < f->count; i++)
		if (f->mails[i].uid)
			look_at_uid(o, site, f, &f->mails[i], next);
}

void oracle_selected(struct oracle *o, unsigned site,
	const struct mail_server *server, const char *path)
{
	const struct mail_folder *f = mail_folder_find(server, path);

	if (!f)
		return;
	look_at_uids(o, site, f);
	next_of(o, site, f)->selected = f->uidnext;
}

/* ---- looking ---- */

static void show(const struct model_mail *m, char *to, size_t room)
{
	size_t len = (size_t)snprintf(to, room, "%u (%s", m->token, m->letters);

	for (size_t i = 0; i < m->word_count && len < room; i++)
		len += (size_t)snprintf(
			to + len, room - len, " %s", m->words[i]);
	if (len < room)
		snprintf(to + len, room - len, ")");
}

static size_t count_of(const struct mail_server *server, unsigned token)
{
	size_t count = 0;

	for (size_t i = 0; i < server->folder_count; i++)
		for (size_t k = 0; k < server->folders[i].count; k++)
			count += server->folders[i].mails[k].body->token ==
				 token;
	return count;
}

/* Where another site may be the home by now mail may lie elsewhere; but all
   copies that users have there do. */
static void look_for_copies(struct oracle *o, const struct model_folder *f,
	const struct mail_server *server)
{
	for (size_t i = 0; i < f->count; i++) {
		unsigned token = f->mails[i].token;
		size_t copies = 0, there = count_of(server, token);

		for (size_t k = 0; k < o->folder_count; k++)
			copies += o->folders[k].home == f->home &&
				  find_mail(&o->folders[k], token);
		if (there < copies)
			oracle_fail(o, "lost",
				"site %c: mail %u is there %zu times, not %zu",
				'a' + f->home, token, there, copies);
	}
}

/* What an image undid was done again: it is as its users had it before that.
   Mail that went with it and that nobody expunged is looked for (lost). */
static void yield_loose(struct oracle *o, struct model_folder *f,
	const struct mail_server *server)
{
	const struct mail_folder *is = mail_folder_find(server, f->path);

	for (size_t k = f->count; is && k-- > 0;) {
		const struct mail *m = mail_find(is, f->mails[k].token);

		if (!f->mails[k].loose)
			continue;
		if (m) {
			words_of(is, m, &f->mails[k]);
			f->mails[k].loose = true;
		} else {
			remove_mail(f, &f->mails[k]);
		}
	}
	if (!is && f->loose)
		drop_folder(o, f);
}

/* At home everything is as its users left it. */
static void look_at_home(struct oracle *o, const struct model_folder *f,
	const struct mail_server *server)
{
	const struct mail_folder *is = mail_folder_find(server, f->path);
	char text[90], other[90];
	size_t back = 0;

	if (!is && o->orphaned[f->home])
		return;
	if (!is) {
		oracle_fail(o, "lost", "site %c: folder %s is gone",
			'a' + f->home, f->path);
		return;
	}
	for (size_t i = 0; i < is->count; i++) {
		struct model_mail m;
		const struct model_mail *was;

		words_of(is, &is->mails[i], &m);
		show(&m, text, sizeof(text));
		was = find_mail(f, m.token);
		if (!was && o->limbo[f->home])
			continue; /* it was there before */
		/* With a folder that it was in; or from a state in which it
		   was damaged, so that it came too late to be known for what
		   it is. */
		if (!was && o->forgotten[f->home] &&
			(token_of(o, m.token)->deleted ||
				(o->rotten && token_of(o, m.token)->removed))) {
			back++;
			continue;
		}
		if (!was) {
			oracle_fail(o, "doubled",
				"site %c: %s: nobody put mail %s there",
				'a' + f->home, f->path, text);
		} else if (!same_mail(was, &m) && !o->orphaned[f->home]) {
			show(was, other, sizeof(other));
			oracle_fail(o, "altered",
				"site %c: %s: mail %s was left as %s",
				'a' + f->home, f->path, text, other);
		}
	}
	if (o->orphaned[f->home])
		look_for_copies(o, f, server);
	else if (is->count - back < f->count)
		oracle_fail(o, "lost", "site %c: %s has %zu mails of %zu",
			'a' + f->home, f->path, is->count, f->count);
	if (is->count - back > f->count && !o->limbo[f->home])
		oracle_fail(o, "doubled", "site %c: %s has %zu mails, not %zu",
			'a' + f->home, f->path, is->count, f->count);
}

static void look_at_mail(struct oracle *o, unsigned site,
	const struct mail_server *server, const struct mail_folder *f,
	const struct mail *m, bool calm)
{
	unsigned token = m->body->token;

	if (!token) {
		oracle_fail(o, "altered",
			"site %c: %s: %s has a body that "
			"nobody wrote",
			'a' + site, f->path, m->base);
		return;
	}
	if (m->mtime != oracle_date(token) && !o->rotten)
		oracle_fail(o, "altered",
			"site %c: %s: mail %u has another "
			"date",
			'a' + site, f->path, token);
	if (calm && !o->kept[site] &&
		count_of(server, token) > token_of(o, token)->most)
		oracle_fail(o, "doubled",
			"site %c: mail %u is there %zu "
			"times",
			'a' + site, token, count_of(server, token));
	o->present =
		mem_grow(o->present, o->present_count + 1, sizeof(*o->present));
	o->present[o->present_count++] = (struct seen_token){site, token};
}

static bool is_in_trash(const struct mail_server *server, unsigned token)
{
	for (size_t i = 0; i < server->trash_count; i++)
		if (server->trash[i].body->token == token)
			return true;
	return false;
}

/* May the mail be gone from there? Users do what they do where it is at home. */
static bool may_go(struct oracle *o, unsigned site,
	const struct mail_server *server, unsigned token)
{
	const struct model_token *t = token_of(o, token);

	if (o->keeps[site] && !(t->homes >> site & 1))
		return false;
	return t->removed || (views_hid(&o->views, site, token) &&
				     is_in_trash(server, token));
}

/* What was there and is not, users must have removed, or it left the view. */
static void look_for_lost(
	struct oracle *o, unsigned site, const struct mail_server *server)
{
	size_t left = 0;

	for (size_t i = 0; i < o->present_count; i++) {
		struct seen_token t = o->present[i];

		if (t.site != site) {
			o->present[left++] = t;
			continue;
		}
		if (!count_of(server, t.token) &&
			!may_go(o, site, server, t.token))
			oracle_fail(o, "lost",
				"site %c: mail %u is gone, and nobody "
				"expunged it",
				'a' + site, t.token);
	}
	o->present_count = left;
}

static void look_for_folders(
	struct oracle *o, unsigned site, const struct mail_server *server)
{
	for (size_t i = 0; i < o->next_count; i++)
		if (o->nexts[i].site == site)
			o->nexts[i].away |=
				!mail_folder_find(server, o->nexts[i].path);
}

void oracle_look(struct oracle *o, unsigned site,
	const struct mail_server *server, bool calm)
{
	if (server->complaint[0])
		oracle_fail(
			o, "uid", "site %c: %s", 'a' + site, server->complaint);
	look_for_lost(o, site, server);
	views_look(o, site, server);
	look_for_folders(o, site, server);
	for (size_t i = 0; i < server->folder_count; i++) {
		const struct mail_folder *f = &server->folders[i];

		look_at_uids(o, site, f);
		for (size_t k = 0; k < f->count; k++)
			look_at_mail(o, site, server, f, &f->mails[k], calm);
	}
	for (size_t i = o->folder_count; i-- > 0;)
		if (o->folders[i].home == site)
			yield_loose(o, &o->folders[i], server);
	for (size_t i = 0; i < o->folder_count; i++)
		if (o->folders[i].home == site)
			look_at_home(o, &o->folders[i], server);
}

/* ---- comparing ---- */

static bool subscribed(const struct mail_server *server, const char *path)
{
	for (size_t i = 0; i < server->subscribed_count; i++)
		if (strcmp(server->subscribed[i], path) == 0)
			return true;
	return false;
}

/* The one that is meant: others of that token were expunged, and are kept. */
static const struct mail *find_alike(
	const struct mail_folder *f, const struct model_mail *m)
{
	struct model_mail is;

	for (size_t i = 0; i < f->count; i++) {
		if (f->mails[i].body->token != m->token)
			continue;
		words_of(f, &f->mails[i], &is);
		if (same_mail(m, &is))
			return &f->mails[i];
	}
	return mail_find(f, m->token);
}

static bool compare_mail(const struct model_mail *m,
	const struct mail_folder *here, const struct mail_folder *there,
	bool uids, char *ret, size_t room)
{
	const struct mail *a = mail_find(here, m->token);
	const struct mail *b = find_alike(there, m);
	struct model_mail is;
	char text[90], other[90];

	if (!b) {
		snprintf(ret, room, "mail %u is not there", m->token);
		return false;
	}
	words_of(there, b, &is);
	if (!same_mail(m, &is)) {
		show(m, text, sizeof(text));
		show(&is, other, sizeof(other));
		snprintf(ret, room, "mail %s is %s", text, other);
		return false;
	}
	if (b->mtime != oracle_date(m->token)) {
		snprintf(ret, room, "mail %u has another date", m->token);
		return false;
	}
	if (uids && a && a->uid != b->uid) {
		snprintf(ret, room, "mail %u has UID %u, not %u", m->token,
			b->uid, a->uid);
		return false;
	}
	return true;
}

/* limbo: at home there may be mail, too, that was lost and came back. keeps: there
   may be more than at home. */
static bool compare_folder(const struct model_folder *f, bool limbo, bool keeps,
	const struct mail_server *at_home, const struct mail_server *server,
	bool uids, char *ret, size_t room)
{
	const struct mail_folder *here = mail_folder_find(at_home, f->path);
	const struct mail_folder *there = mail_folder_find(server, f->path);

	if (!here || !there) {
		snprintf(ret, room, "is not there");
		return false;
	}
	for (size_t i = 0; i < f->count; i++)
		if (!compare_mail(&f->mails[i], here, there, uids, ret, room))
			return false;
	if (keeps ? there->count < f->count
		  : there->count != (limbo ? here->count : f->count)) {
		snprintf(ret, room, "has %zu mails, not %zu", there->count,
			limbo ? here->count : f->count);
		return false;
	}
	/* Of an INBOX nobody is the home before its first mail. */
	if ((f->count || strcmp(f->path, "INBOX")) &&
		here->uidvalidity != there->uidvalidity) {
		snprintf(ret, room, "has UIDVALIDITY %u, not %u",
			there->uidvalidity, here->uidvalidity);
		return false;
	}
	if (subscribed(server, f->path) != subscribed(at_home, f->path)) {
		snprintf(ret, room, "is %ssubscribed there",
			subscribed(server, f->path) ? "" : "not ");
		return false;
	}
	return true;
}

/* Nothing of a folder that is out of view lies there. */
static bool compare_hidden(const struct oracle *o, const struct comparison *c,
	const struct model_folder *f, char *ret, size_t room)
{
	if (strcmp(f->path, "INBOX") && mail_folder_find(c->there, f->path)) {
		snprintf(ret, room, "is there, and out of view");
		return false;
	}
	for (size_t i = 0; i < f->count; i++) {
		unsigned token = f->mails[i].token;
		bool shown = false;

		for (size_t k = 0; k < o->folder_count; k++)
			shown |= find_mail(&o->folders[k], token) &&
				 views_show(&o->views, c->home, c->other,
					 o->folders[k].path);
		if (!shown && count_of(c->there, token)) {
			snprintf(ret, room, "mail %u is there, and out of view",
				token);
			return false;
		}
	}
	return true;
}

static bool compare_one(const struct oracle *o, const struct comparison *c,
	const struct model_folder *f, char *ret, size_t room)
{
	bool keeps = o->keeps[c->other];

	if (views_show(&o->views, c->home, c->other, f->path))
		return compare_folder(f, o->limbo[c->home], keeps, c->at_home,
			c->there, c->uids && !keeps, ret, room);
	return keeps || !c->hidden || compare_hidden(o, c, f, ret, room);
}

const char *oracle_compare(const struct oracle *o, const struct comparison *c)
{
	static _Thread_local char text[MAIL_PATH + 240];
	char what[200];

	for (size_t i = 0; i < o->folder_count; i++) {
		const struct model_folder *f = &o->folders[i];

		if (f->home != c->home ||
			compare_one(o, c, f, what, sizeof(what)))
			continue;
		snprintf(text, sizeof(text), "folder %s: %s", f->path, what);
		return text;
	}
	for (size_t i = 0; i < o->name_count && !o->keeps[c->other]; i++) {
		const char *path = o->names[i].path;

		if (o->names[i].home == c->home && !model_find(o, path) &&
			(c->hidden || views_show(&o->views, c->home, c->other,
					      path)) &&
			mail_folder_find(c->there, path) &&
			!(o->limbo[c->home] &&
				mail_folder_find(c->at_home, path))) {
			snprintf(text, sizeof(text), "folder %s is there still",
				path);
			return text;
		}
	}
	return NULL;
}
