#include "views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"
#include "oracle.h"

void views_release(struct views *v)
{
	free(v->seen);
	*v = (struct views){.any = false};
}

/* ---- rules ---- */

static char small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The first len bytes of a glob, and a name. */
static bool fits(const char *glob, size_t len, const char *name)
{
	if (!len)
		return !*name;
	if (*glob != '*' && *glob != '%')
		return *name && small(*glob) == small(*name) &&
		       fits(glob + 1, len - 1, name + 1);
	for (;; name++) {
		if (fits(glob + 1, len - 1, name))
			return true;
		if (!*name || (*glob == '%' && *name == '/'))
			return false;
	}
}

static bool rule_shows(const char *rule, const char *path)
{
	bool positive = false, found = false;

	for (const char *item = rule; *item;) {
		size_t len = strcspn(item, ",");

		if (*item == '!') {
			if (fits(item + 1, len - 1, path))
				return false;
		} else {
			positive = true;
			found |= fits(item, len, path);
		}
		item += len + (item[len] == ',');
	}
	return found || !positive;
}

bool views_show(
	const struct views *v, unsigned home, unsigned peer, const char *path)
{
	return rule_shows(v->rules[home][peer], path);
}

/* ---- what was where ---- */

static struct sighting *sight(
	struct views *v, unsigned home, unsigned token, const char *path)
{
	struct sighting *s;

	for (size_t i = 0; i < v->count; i++) {
		s = &v->seen[i];
		if (s->home == home && s->token == token &&
			strcmp(s->path, path) == 0)
			return s;
	}
	v->seen = mem_room(v->seen, v->count, sizeof(*v->seen));
	s = &v->seen[v->count++];
	*s = (struct sighting){.home = home, .token = token};
	mail_text(s->path, sizeof(s->path), path);
	return s;
}

/* By the rules in force. */
static void judge(struct views *v, unsigned home)
{
	for (size_t i = 0; i < v->count; i++) {
		struct sighting *s = &v->seen[i];

		if (s->home != home || !s->believed)
			continue;
		for (unsigned peer = 0; peer < 8; peer++)
			if (views_show(v, home, peer, s->path))
				s->shown |= 1u << peer;
			else
				s->hidden |= 1u << peer;
	}
}

void views_note(struct oracle *o, unsigned home)
{
	struct views *v = &o->views;

	if (!v->any)
		return;
	for (size_t i = 0; i < o->folder_count; i++) {
		const struct model_folder *f = &o->folders[i];

		if (f->home != home)
			continue;
		sight(v, home, 0, f->path)->believed = true;
		for (size_t k = 0; k < f->count; k++)
			sight(v, home, f->mails[k].token, f->path)->believed =
				true;
	}
	judge(v, home);
}

void views_written(struct oracle *o, unsigned home)
{
	struct views *v = &o->views;

	for (size_t i = 0; i < v->count && !v->lost[home]; i++)
		if (v->seen[i].home == home)
			v->seen[i].believed = false;
	views_note(o, home);
}

void views_lost(struct oracle *o, unsigned home)
{
	struct views *v = &o->views;

	v->lost[home] = true;
	for (size_t i = 0; i < v->count; i++)
		if (v->seen[i].home == home)
			v->seen[i].believed = true;
	views_note(o, home);
}

void views_set(struct oracle *o, unsigned home, unsigned peer, const char *rule)
{
	mail_text(o->views.rules[home][peer], VIEW_RULE,
		strcmp(rule, "-") ? rule : "");
	views_note(o, home);
}

/* ---- judging ---- */

enum known {
	KNOWN_NOT, /* at home elsewhere, or never seen */
	KNOWN_NEVER,
	KNOWN_ONCE,
	KNOWN_NOW
};

static enum known how_known(
	const struct views *v, unsigned home, unsigned peer, unsigned token)
{
	enum known k = KNOWN_NOT;

	for (size_t i = 0; i < v->count; i++) {
		const struct sighting *s = &v->seen[i];
		enum known is = KNOWN_NEVER;

		if (s->home != home || s->token != token)
			continue;
		if (s->shown >> peer & 1)
			is = s->believed && views_show(v, home, peer, s->path)
				     ? KNOWN_NOW
				     : KNOWN_ONCE;
		k = is > k ? is : k;
	}
	return k;
}

bool views_hid(const struct views *v, unsigned peer, unsigned token)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->seen[i].token == token && v->seen[i].hidden >> peer & 1)
			return true;
	return false;
}

/* Is this name part of one that the peer may know? */
static bool is_in_a_known_name(
	const struct views *v, unsigned home, unsigned peer, const char *name)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct sighting *s = &v->seen[i];

		if (s->home == home && !s->token && s->shown >> peer & 1 &&
			strstr(s->path, name))
			return true;
	}
	return false;
}

/* What is kept of a folder that left the view moves with the one it lies in. */
static bool moved_along(
	const struct views *v, const struct sighting *s, unsigned peer)
{
	const char *own = strrchr(s->path, '/');
	size_t len = own ? (size_t)(own - s->path) : 0;
	bool parent = false, child = false;

	for (size_t i = 0; own && i < v->count; i++) {
		const struct sighting *o = &v->seen[i];
		const char *last = strrchr(o->path, '/');

		if (o->token || o->home != s->home || !(o->shown >> peer & 1))
			continue;
		parent |= strlen(o->path) == len &&
			  memcmp(o->path, s->path, len) == 0;
		child |= last && strcmp(last, own) == 0;
	}
	return parent && child;
}

/* Of a folder that is shown by now older names may be told, if the rule would
   have shown them. */
static bool may_know_name(
	const struct views *v, const struct sighting *s, unsigned peer)
{
	return s->shown >> peer & 1 || strcmp(s->path, "INBOX") == 0 ||
	       views_show(v, s->home, peer, s->path);
}

static void overhear_name(struct oracle *o, const struct sighting *s,
	unsigned peer, const void *data, size_t len)
{
	if (may_know_name(&o->views, s, peer) ||
		!memmem(data, len, s->path, strlen(s->path)) ||
		is_in_a_known_name(&o->views, s->home, peer, s->path))
		return;
	oracle_fail(o, "shown", "site %c tells %c of folder %s", 'a' + s->home,
		'a' + peer, s->path);
}

/* A piece of it may be its beginning or its end. */
static bool has_text(const struct mail_body *b, const void *data, size_t len)
{
	size_t part = b->len < 32 ? b->len : 32;

	return memmem(data, len, b->data, part) ||
	       memmem(data, len, b->data + b->len - part, part);
}

static bool is_alive(const struct oracle *o, unsigned token)
{
	for (size_t i = 0; i < o->folder_count; i++)
		if (model_has(o, o->folders[i].path, token))
			return true;
	return false;
}

/* Of what is gone where it would be shown now may be told that it was there. */
static bool may_know_of(
	const struct oracle *o, unsigned home, unsigned peer, unsigned token)
{
	const struct views *v = &o->views;

	for (size_t i = 0; i < v->count; i++)
		if (v->seen[i].home == home && v->seen[i].token == token &&
			views_show(v, home, peer, v->seen[i].path))
			return !is_alive(o, token);
	return false;
}

static void overhear_mail(struct oracle *o, const struct sighting *s,
	unsigned peer, const void *data, size_t len)
{
	enum known known = how_known(&o->views, s->home, peer, s->token);
	const struct mail_body *b;

	if (known == KNOWN_NOW)
		return;
	b = oracle_body(o->views.bag, s->token);
	if (known == KNOWN_NEVER && !may_know_of(o, s->home, peer, s->token)) {
		struct hash hash = hash_of(b->data, b->len);

		if (memmem(data, len, hash.b, sizeof(hash.b)))
			oracle_fail(o, "shown",
				"site %c tells %c the hash of mail %u",
				'a' + s->home, 'a' + peer, s->token);
	}
	if (has_text(b, data, len))
		oracle_fail(o, "shown", "site %c hands mail %u over to %c",
			'a' + s->home, s->token, 'a' + peer);
}

void views_overhear(struct oracle *o, unsigned home, unsigned peer,
	const void *data, size_t len)
{
	struct views *v = &o->views;

	if (v->off)
		return;
	for (size_t i = 0; i < v->count; i++) {
		const struct sighting *s = &v->seen[i];

		if (s->home != home)
			continue;
		if (s->token)
			overhear_mail(o, s, peer, data, len);
		else
			overhear_name(o, s, peer, data, len);
	}
}

static void look_at_token(struct oracle *o, unsigned site, unsigned token)
{
	for (unsigned home = 0; home < 8; home++)
		if (home != site &&
			how_known(&o->views, home, site, token) == KNOWN_NEVER)
			oracle_fail(o, "shown",
				"site %c has mail %u, which it was never shown",
				'a' + site, token);
}

void views_look(
	struct oracle *o, unsigned site, const struct mail_server *server)
{
	const struct views *v = &o->views;

	if (v->off)
		return;
	for (size_t i = 0; i < v->count; i++) {
		const struct sighting *s = &v->seen[i];

		if (!s->token && s->home != site &&
			!may_know_name(v, s, site) &&
			!moved_along(v, s, site) &&
			mail_folder_find(server, s->path))
			oracle_fail(o, "shown",
				"site %c has folder %s, which it was never "
				"shown",
				'a' + site, s->path);
	}
	for (size_t i = 0; v->any && i < server->folder_count; i++)
		for (size_t k = 0; k < server->folders[i].count; k++)
			look_at_token(o, site,
				server->folders[i].mails[k].body->token);
	for (size_t i = 0; v->any && i < server->trash_count; i++)
		look_at_token(o, site, server->trash[i].body->token);
}
