/*
 * uidplan: the UID list that a commit will write.
 *
 * The lines are those of the file as it is now, in memory sorted anew:
 * (1) a line whose message is there keeps its fields, and its UID unless it
 *     is given another;
 * (2) a line whose message is gone is dropped, unless such lines are the
 *     most: then the directory is not to be trusted with that;
 * (3) a line of a gone message goes when a message of that base is added,
 *     which may have its UID again: a commit that was cut short is made good;
 * (4) a line of a message that this commit expunges stays: a crash before the
 *     file goes would else bring it back under a new UID;
 * (5) N is never lower than it was, nor than the last UID + 1, be its line
 *     dropped or not.
 * Under a new UIDVALIDITY every number is free: (5) does not hold, and gone
 * messages are forgotten.
 */
#include "maildir_private.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint32_t uid;
	struct slice extra, base;
	bool gone;
};

struct entries {
	struct entry *e;
	size_t count, cap, gone;
	const char **added; /* bases of the adds, sorted */
	size_t added_count;
};

static struct slice slice_of(const char *s)
{
	return (struct slice){.at = s, .len = strlen(s)};
}

static void add_entry(struct entries *l, const struct entry *e)
{
	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap + l->cap / 2 : 64;
		l->e = mem_grow(l->e, l->cap, sizeof(*l->e));
	}
	l->e[l->count++] = *e;
	l->gone += e->gone;
}

static bool extra_field_ok(struct slice field)
{
	return field.len && !strchr("VNG", *field.at) && *field.at > ' ';
}

/* Header fields of a stranger: none of ours among them, nothing that would
 * end the line. */
static const char *header_extra(const char *extra)
{
	struct slice rest = slice_of(extra);
	struct slice field;

	if (strcspn(extra, "\r\n") != rest.len)
		return "";
	while (slice_cut(&rest, ' ', &field)) {
		if (!extra_field_ok(field))
			return "";
	}
	return extra_field_ok(rest) ? extra : "";
}

static void plan_identity(const struct store_txn *t, struct plan *p)
{
	struct store_identity *id = &p->identity;
	const struct store_identity *to = &t->identity;
	const char *extra;

	*id = t->view.identity;
	if (!t->has_identity)
		return;
	if (to->uidvalidity && to->uidvalidity != id->uidvalidity) {
		p->new_uidvalidity = true;
		id->uidvalidity = to->uidvalidity;
		id->uidnext = 0;
		p->uidlist_changed = true;
	}
	if (to->uidnext > id->uidnext) {
		id->uidnext = to->uidnext;
		p->uidlist_changed = true;
		p->uids_changed = true; /* STATUS answers from the index */
	}
	if (to->has_guid &&
		(!id->has_guid || !id_equal(&to->guid, &id->guid))) {
		id->has_guid = true;
		id->guid = to->guid;
		p->uidlist_changed = true;
	}
	extra = header_extra(to->extra);
	if (*extra && strcmp(extra, id->extra) != 0) {
		id->extra = extra;
		p->uidlist_changed = true;
	}
}

static int check_uid(const struct store_txn *t, const struct plan *p,
	const char *base, uint32_t uid, struct err *err)
{
	uint32_t floor = p->new_uidvalidity ? 1 : t->view.identity.uidnext;

	if (uid >= floor && uid < UINT32_MAX)
		return 0;
	return err_set(err, ERR_CONFLICT,
		"folder %s: message %s: UID %u, but UIDNEXT is %u", t->f.path,
		base, uid, floor);
}

static int check_uids(struct store_txn *t, struct plan *p, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < t->view.count && r == 0; i++) {
		const struct store_message *m = &t->view.messages[i];
		const struct txn_change *c = &t->changes[i];

		if (!c->uid)
			continue;
		p->uidlist_changed = true;
		if (c->uid == m->uid && !p->new_uidvalidity)
			continue;
		p->uids_changed = true;
		r = check_uid(t, p, m->base, c->uid, err);
	}
	for (size_t i = 0; i < t->add_count && r == 0; i++) {
		const struct store_add *add = &t->adds[i].add;

		/* Without a UID too: an old line of its base has to go. */
		if (add->uid || t->view.identity.uidvalidity)
			p->uidlist_changed = true;
		if (add->uid &&
			(p->new_uidvalidity || !store_view_pending(&t->view,
						       add->base, add->uid)))
			r = check_uid(t, p, add->base, add->uid, err);
	}
	return r;
}

static int compare_strings(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

static void sort_added(const struct store_txn *t, struct entries *l)
{
	l->added = mem_array(t->add_count, sizeof(*l->added));
	l->added_count = t->add_count;
	for (size_t i = 0; i < t->add_count; i++)
		l->added[i] = t->adds[i].add.base;
	if (l->added_count)
		qsort(l->added, l->added_count, sizeof(*l->added),
			compare_strings);
}

static bool is_added(const struct entries *l, struct slice base)
{
	char text[STORE_BASE_MAX + 1];
	const char *key = text;

	if (!l->added_count)
		return false;
	memcpy(text, base.at, base.len);
	text[base.len] = '\0';
	return bsearch(&key, l->added, l->added_count, sizeof(*l->added),
		       compare_strings) != NULL;
}

static void take_line(const struct store_txn *t, const struct plan *p,
	const struct uidlist_slice *line, const struct store_message *m,
	struct entries *to)
{
	const struct txn_change *c =
		m ? &t->changes[m - t->view.messages] : NULL;
	struct entry e = {.uid = line->uid,
		.extra = line->extra,
		.base = line->base,
		.gone = !m};

	if (m && m->uid != line->uid)
		return; /* an older line of the same base */
	if (!m && is_added(to, line->base))
		return; /* expunged once, and back */
	if (p->new_uidvalidity && (!m || (c->expunge && !c->uid)))
		return;
	if (m && c->uid) {
		e.uid = c->uid;
		if (c->extra)
			e.extra = slice_of(c->extra);
	}
	add_entry(to, &e);
}

static int take_file(const struct store_txn *t, const struct plan *p,
	const struct buf *file, struct entries *to, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct store_identity id;
	struct uidlist_reader r;
	struct uidlist_slice line;
	size_t hint = 0;
	int e = uidlist_read_head(&r, file->data, file->len, &arena, &id, err);

	while (e >= 0 && (e = uidlist_read_line(&r, &line, err)) > 0)
		take_line(
			t, p, &line, scan_find(&t->view, line.base, &hint), to);
	return e < 0 ? err_wrap(err, "folder %s", t->f.path) : 0;
}

/* Messages that get their first line, and those that are added. */
static void take_new(const struct store_txn *t, struct entries *to)
{
	for (size_t i = 0; i < t->view.count; i++) {
		const struct store_message *m = &t->view.messages[i];
		const struct txn_change *c = &t->changes[i];

		if (!m->uid && c->uid)
			add_entry(to, &(struct entry){.uid = c->uid,
					      .extra = slice_of(
						      c->extra ? c->extra : ""),
					      .base = slice_of(m->base)});
	}
	for (size_t i = 0; i < t->add_count; i++) {
		const struct store_add *add = &t->adds[i].add;

		if (add->uid)
			add_entry(to, &(struct entry){.uid = add->uid,
					      .extra = slice_of(add->extra),
					      .base = slice_of(add->base)});
	}
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

static int print_entries(const struct store_txn *t, struct plan *p,
	struct entries *l, struct err *err)
{
	bool drop = l->gone <= l->count - l->gone;
	uint32_t last = 0;

	if (l->count)
		qsort(l->e, l->count, sizeof(*l->e), compare_entries);
	for (size_t i = 0; i < l->count; i++) {
		const struct entry *e = &l->e[i];

		if (e->gone && drop)
			continue;
		if (e->uid == last)
			return err_set(err, ERR_CONFLICT,
				"folder %s: UID %u is given twice", t->f.path,
				e->uid);
		last = e->uid;
		uidlist_print_line(e->uid, e->extra, e->base, &p->lines);
	}
	if (last >= p->identity.uidnext)
		p->identity.uidnext = last + 1;
	if (!p->identity.uidnext)
		p->identity.uidnext = 1;
	return 0;
}

static int plan_lines(struct store_txn *t, struct plan *p, struct err *err)
{
	AUTO_FREE char *path = path_join(t->f.control, UIDLIST_FILE);
	AUTO_BUF struct buf file = BUF_INIT;
	struct entries l = {0};
	int r = 1;

	sort_added(t, &l);
	if (!t->build)
		r = control_read(t->m->store.os, path, UIDLIST_SIZE_MAX, &file,
			NULL, err);
	if (r == 0)
		r = take_file(t, p, &file, &l, err);
	if (r >= 0) {
		take_new(t, &l);
		r = print_entries(t, p, &l, err);
	}
	free(l.e);
	free(l.added);
	return r;
}

int uidplan_make(struct store_txn *t, struct plan *p, struct err *err)
{
	int r;

	if (!t->view.identity.has_uids)
		return 0;
	p->uidlist_changed = t->build;
	plan_identity(t, p);
	r = check_uids(t, p, err);
	if (r == 0 && p->uidlist_changed)
		r = plan_lines(t, p, err);
	return r;
}
