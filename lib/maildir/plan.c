/*
 * plan: what a commit will do, worked out before anything is changed.
 *
 * Here everything is refused that would hurt: a base that is there already, a
 * UID that clients may have seen for another message (below UIDNEXT, or taken
 * twice), a name that is too long, fields that would break the uidlist. What
 * comes from peers is hostile; a keyword that Dovecot would not take finds no
 * letter.
 */
#include "maildir_private.h"

#include <stdlib.h>
#include <string.h>

/* Letters that names carry, with or without a name in dovecot-keywords: a
 * letter once used is never given to another keyword. */
static uint32_t letters_in_use(const struct store_txn *t)
{
	uint32_t used = 0;

	for (size_t i = 0; i < t->view.count; i++) {
		struct maildir_name parsed;

		if (maildir_name_parse(t->view.messages[i].name, &parsed) == 0)
			used |= name_keywords(parsed.flags);
	}
	return used;
}

/* Only where the server names letters: a plain Maildir has none. */
static bool may_name(const struct store_txn *t)
{
	if (t->view.identity.has_uids)
		return true;
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if (t->view.keywords[i])
			return true;
	}
	return false;
}

static int new_letter(struct store_txn *t, struct plan *p, struct slice name)
{
	uint32_t used;

	if (!keyword_ok(name) || !may_name(t))
		return -1;
	used = letters_in_use(t);
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if (p->keywords[i] || used >> i & 1)
			continue;
		p->keywords[i] = arena_dup(&t->arena, name.at, name.len);
		p->keywords_changed = true;
		return i;
	}
	return -1;
}

/* The letters of names joined by spaces, new ones given out as needed. */
static uint32_t letters_for(
	struct store_txn *t, struct plan *p, const char *keywords)
{
	uint32_t bits = 0;

	while (*keywords) {
		struct slice name = {keywords, strcspn(keywords, " ")};
		int letter = keywords_find(p->keywords, name);

		keywords += name.len + (keywords[name.len] == ' ');
		if (!name.len)
			continue;
		if (letter < 0)
			letter = new_letter(t, p, name);
		if (letter < 0)
			p->left_out = true;
		else
			bits |= UINT32_C(1) << letter;
	}
	return bits;
}

static int make_name(const struct store_txn *t, const char *base,
	const char *letters, uint32_t keywords, char **ret, struct err *err)
{
	AUTO_BUF struct buf name = BUF_INIT;

	name_build(base, letters, keywords, &name);
	if (name.len > STORE_BASE_MAX)
		return err_set(err, ERR_LIMIT,
			"folder %s: message %s: file name over %d bytes",
			t->f.path, base, STORE_BASE_MAX);
	*ret = mem_dup(buf_str(&name));
	return 0;
}

/*
 * The new name of a message, from the name it has now: letters without a
 * keyword's name stay. NULL if it has these flags already.
 */
static int plan_name(
	struct store_txn *t, struct plan *p, size_t i, struct err *err)
{
	const struct store_message *m = &t->view.messages[i];
	const struct txn_change *c = &t->changes[i];
	AUTO_FREE char *now = NULL;
	AUTO_FREE char *then = NULL;
	AUTO_FREE char *letters = NULL;
	struct maildir_name parsed;
	uint32_t has, nameless;
	int r;

	if (maildir_name_parse(m->name, &parsed) != 0)
		return 0;
	has = name_keywords(parsed.flags);
	nameless = has & ~m->keywords;
	/* A second set is somebody else's: it stays as it is. */
	letters = mem_printf("%.*s%s", (int)strcspn(c->letters, ","),
		c->letters, parsed.flags + strcspn(parsed.flags, ","));
	r = make_name(t, m->base, letters,
		letters_for(t, p, c->keywords) | nameless, &then, err);
	if (r == 0)
		r = make_name(t, m->base, parsed.flags, has, &now, err);
	if (r == 0 && strcmp(now, then) != 0) {
		p->names[i] = then;
		then = NULL;
	}
	return r;
}

static bool is_staged(const struct store_txn *t, size_t index)
{
	return t->stage && index < t->stage->count &&
	       !t->stage->bodies[index].used;
}

static int plan_messages(struct store_txn *t, struct plan *p, struct err *err)
{
	for (size_t i = 0; i < t->view.count; i++) {
		const struct store_message *m = &t->view.messages[i];
		const struct txn_change *c = &t->changes[i];
		int r;

		if (!c->letters && !c->uid && !c->expunge && !c->replace)
			continue;
		if (m->doubled)
			return err_set(err, ERR_CONFLICT,
				"folder %s: two files are called %s", t->f.path,
				m->base);
		if (c->extra && !uidlist_extra_ok(c->extra))
			return err_set(err, ERR_USAGE,
				"folder %s: message %s: bad uidlist fields",
				t->f.path, m->base);
		if (c->replace && !is_staged(t, c->staged))
			return err_set(err, ERR_USAGE,
				"folder %s: message %s: no body staged",
				t->f.path, m->base);
		if (!c->letters || c->expunge)
			continue;
		r = plan_name(t, p, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_adds(const void *a, const void *b)
{
	const struct txn_add *const *x = a;
	const struct txn_add *const *y = b;

	return strcmp((*x)->add.base, (*y)->add.base);
}

/* No base twice among the adds, none that is there. */
static int check_bases(const struct store_txn *t, struct err *err)
{
	AUTO_FREE struct txn_add **sorted =
		mem_array(t->add_count, sizeof(*sorted));
	const char *twice = NULL;

	for (size_t i = 0; i < t->add_count; i++)
		sorted[i] = &t->adds[i];
	if (t->add_count)
		qsort(sorted, t->add_count, sizeof(*sorted), compare_adds);
	for (size_t i = 0; i < t->add_count && !twice; i++) {
		const char *base = sorted[i]->add.base;

		if (store_view_find(&t->view, base) ||
			(i && strcmp(sorted[i - 1]->add.base, base) == 0))
			twice = base;
	}
	return twice ? err_set(err, ERR_CONFLICT,
			       "folder %s: message %s is there already",
			       t->f.path, twice)
		     : 0;
}

static int check_add(
	const struct store_txn *t, const struct store_add *add, struct err *err)
{
	const char *why = NULL;

	if (!name_base_ok(add->base))
		why = "not a message's base";
	else if (!uidlist_extra_ok(add->extra))
		why = "bad uidlist fields";
	else if (!is_staged(t, add->staged))
		why = "no body staged";
	return why ? err_set(err, ERR_USAGE, "folder %s: message %s: %s",
			     t->f.path, add->base, why)
		   : 0;
}

static int plan_adds(struct store_txn *t, struct plan *p, struct err *err)
{
	int r = check_bases(t, err);

	for (size_t i = 0; i < t->add_count && r == 0; i++) {
		struct txn_add *a = &t->adds[i];
		AUTO_FREE char *name = NULL;

		r = check_add(t, &a->add, err);
		if (r == 0)
			r = make_name(t, a->add.base, a->add.letters,
				letters_for(t, p, a->add.keywords), &name, err);
		if (r == 0)
			a->name = arena_dup(&t->arena, name, strlen(name));
	}
	return r;
}

int plan_make(struct store_txn *t, struct plan *ret, struct err *err)
{
	int r;

	*ret = (struct plan){0};
	memcpy(ret->keywords, t->view.keywords, sizeof(ret->keywords));
	ret->names = mem_array(t->view.count, sizeof(*ret->names));
	r = plan_messages(t, ret, err);
	if (r == 0)
		r = plan_adds(t, ret, err);
	if (r == 0)
		r = uidplan_make(t, ret, err);
	return r;
}

void plan_release(struct plan *p, const struct store_txn *t)
{
	for (size_t i = 0; p->names && i < t->view.count; i++)
		free(p->names[i]);
	free(p->names);
	buf_free(&p->lines);
	*p = (struct plan){0};
}
