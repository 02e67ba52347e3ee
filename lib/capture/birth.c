/*
 * birth: a message in the store that is not among the placed ones: born here,
 * copied, moved from another folder, or put there by an applier that died
 * before it could record it.
 */
#include <errno.h>
#include <string.h>

#include "joining.h"
#include "os.h"
#include "pass.h"

#define READ_SIZE 65536
#define SOURCES_MAX 8 /* rows looked at; with more, some moves are copies */

struct birth {
	struct pass *p;
	const struct replica_folder *f;
	const struct store_view *view;
	const struct store_message *m;
	const char *keywords;
	struct store_stat st;
	struct hash hash;
	bool hashed; /* hash was read from the file */
	bool given;  /* its UID was another's */
	struct arena arena;
};

/* What a row that may be the same message says of its old place. */
enum source {
	SOURCE_OTHER, /* it is another message */
	SOURCE_GONE,  /* its file is not there any more: moved */
	SOURCE_THERE  /* copied */
};

/* Hash a message's body. Errors: ERR_ABSENT: gone; ERR_CONFLICT: changing. */
static int hash_body(struct birth *b, struct err *err)
{
	struct pass *p = b->p;
	struct os *os = p->account->os;
	AUTO_FREE uint8_t *chunk = mem_alloc(READ_SIZE);
	struct hash_state state;
	int fd, rc;

	if (b->hashed)
		return 0;
	rc = pass_stocktaken(p, b->view, b->m, &b->st, &b->hash, err);
	b->hashed = rc == 0;
	if (rc <= 0)
		return rc;
	rc = p->store->ops->open(p->store, b->f->p_path, b->m->base, b->m->name,
		&fd, &b->st, err);
	if (rc < 0)
		return rc;
	int64_t at = 0;
	ssize_t n;
	hash_init(&state);
	while ((n = os->ops->pread(os, fd, chunk, READ_SIZE, at)) > 0) {
		hash_add(&state, chunk, (size_t)n);
		at += n;
	}
	os->ops->close(os, fd);
	if (n < 0)
		return err_set_os(err, (int)-n, "read %s in %s", b->m->base,
			b->f->p_path);
	if ((uint64_t)at != b->st.size)
		return err_set(err, ERR_CONFLICT,
			"%s in %s: its size changes while it is read",
			b->m->base, b->f->p_path);
	b->hash = hash_end(&state);
	b->hashed = true;
	p->result->births++;
	p->result->bytes += (uint64_t)at;
	return 0;
}

static int record(struct birth *b, struct replica_message *row,
	int64_t copied_from, struct err *err)
{
	row->p_folder = b->f->id;
	row->p_base = b->m->base;
	row->p_letters = b->m->letters;
	row->p_keywords = b->keywords;
	row->p_extra = pass_extra(b->m);
	row->p_uid = b->m->uid;
	row->p_ino = b->st.ino;
	row->copied_from = copied_from;
	row->logged_ms = copied_from ? b->p->now_ms : 0;
	row->waits_ms = 0;
	return replica_message_place(b->p->replica, row, true, err);
}

/* In a list that is behind what peers know its UID was another's, perhaps. */
static bool uid_was_given(const struct birth *b)
{
	return b->m->uid && b->m->uid < b->p->behind;
}

/* Errors: ERR_CONFLICT: not under this UID. */
static int whole(struct birth *b, enum change_kind kind, uint64_t above,
	struct change *ret, struct err *err)
{
	struct change c =
		pass_change(b->p, kind, b->st.ctime_ns / 1000000, above);

	b->given = uid_was_given(b);
	if (b->given)
		return err_set(err, ERR_CONFLICT, "%s: UID %u was given before",
			b->f->p_path, b->m->uid);
	c.uid = b->m->uid;
	c.size = b->st.size;
	c.mtime = b->st.mtime;
	c.hash = b->hash;
	c.base = b->m->base;
	c.extra = pass_extra(b->m);
	c.add = (struct flag_set){b->m->letters, b->keywords};
	*ret = c;
	return 0;
}

static int save(struct birth *b, struct err *err)
{
	struct change c;
	struct replica_message row;
	int rc = whole(b, CHANGE_SAVE, 0, &c, err);

	if (rc >= 0 && b->p->finishing && !pass_is_ours(b->p, b->f))
		rc = pass_unknown_mail(b->p, b->f, err);
	if (rc >= 0)
		rc = pass_put(b->p, &b->f->fid, &c, err);
	if (rc >= 0)
		rc = replica_message_by_dot(
			b->p->replica, &c.dot, &b->arena, &row, err);
	return rc != 0 ? rc : record(b, &row, 0, err);
}

/* Of which of several is told apart from one that was born as it is. */
static int copy(
	struct birth *b, const struct replica_message *source, struct err *err)
{
	struct change c;
	struct replica_message row;
	int rc = whole(b, CHANGE_COPY, 0, &c, err);

	if (rc >= 0)
		rc = replica_born_before(b->p->replica, b->f->id, b->m->base,
			&b->hash, &c.source, err);
	if (rc > 0)
		c.source = source->dot;
	if (rc >= 0)
		rc = pass_put(b->p, &b->f->fid, &c, err);
	if (rc >= 0)
		rc = replica_message_by_dot(
			b->p->replica, &c.dot, &b->arena, &row, err);
	return rc != 0 ? rc : record(b, &row, source->id, err);
}

static int move(struct birth *b, struct replica_message *source,
	const struct replica_folder *from, struct err *err)
{
	struct pass *p = b->p;
	struct change c;
	uint64_t above;
	int rc = pass_adopts(p, b->f, source, err);

	if (rc > 0)
		return record(b, source, 0, err);
	if (rc == 0)
		rc = replica_message_stamp(p->replica, source->id, &above, err);
	if (rc == 0)
		rc = whole(b, CHANGE_MOVE, above, &c, err);
	if (rc < 0)
		return rc;
	c.dot = source->dot;
	/* Flags as known: those that differ now are a change of their own. */
	c.add = (struct flag_set){source->letters, source->keywords};
	if (from->p_path)
		pass_touch(p, from->p_path);
	rc = pass_put(p, &b->f->fid, &c, err);
	if (rc >= 0 && from->id != b->f->id) {
		struct change left =
			pass_change(p, CHANGE_LEFT, 0, source->place_by.stamp);

		left.dot = source->dot;
		left.folder = b->f->fid;
		rc = pass_put(p, &from->fid, &left, err);
	}
	if (rc >= 0)
		rc = replica_message_get(
			p->replica, source->id, &b->arena, source, err);
	if (rc != 0)
		return rc;
	struct replica_message merged = *source;
	struct flag_set seen = {b->m->letters, b->keywords};
	rc = record(b, source, 0, err);
	return rc < 0 ? rc
		      : pass_flags_seen(p, &b->f->fid, &merged, &seen,
				b->st.ctime_ns / 1000000, err);
}

/* The folder is not where it was: deleted for sure, or perhaps renamed? */
static int source_folder_is_gone(
	struct pass *p, const struct replica_folder *f, struct err *err)
{
	for (size_t i = 0; i < p->vanished_count; i++)
		if (p->settling && p->vanished[i] == f->id)
			return 0;
	p->tree_again = true;
	return err_set(err, ERR_CONFLICT, "%s: gone, or renamed", f->p_path);
}

/*
 * The message that lies where a row says that it was placed; NULL: none does.
 * One look at a folder serves all births of another: what was there then and
 * has gone since is found absent later, and then becomes a move.
 */
static int look_at_source(struct birth *b, const struct replica_message *row,
	const struct store_message **ret, struct replica_folder *ret_folder,
	struct err *err)
{
	struct pass *p = b->p;
	int rc = replica_folder_by_row(
		p->replica, row->p_folder, &b->arena, ret_folder, err);

	*ret = NULL;
	if (rc != 0 || !ret_folder->p_path)
		return rc < 0 ? rc : 0;
	if (row->p_folder == b->f->id) {
		*ret = store_view_find(b->view, row->p_base);
		return 0;
	}
	if (p->source_folder != row->p_folder) {
		pass_source_drop(p);
		rc = p->store->ops->view(p->store, ret_folder->p_path,
			STORE_LOCKED, &p->source, err);
		if (rc == ERR_ABSENT)
			return source_folder_is_gone(p, ret_folder, err);
		if (rc < 0)
			return rc;
		p->source_folder = row->p_folder;
	}
	*ret = store_view_find(&p->source, row->p_base);
	return 0;
}

/*
 * Is the file the message of this row? Sure without reading it: it shares the
 * inode with what lies at the row's place now; or that place is empty and
 * inode, size, date and base name agree. Inodes are given out again, so less
 * than that is settled by the content; but for a file that is damaged, whose
 * content, size and date are not what they were.
 */
static int weigh(struct birth *b, const struct replica_message *row,
	enum source *ret, struct replica_folder *ret_folder, struct err *err)
{
	const struct store_message *there;
	int rc = look_at_source(b, row, &there, ret_folder, err);

	if (rc < 0)
		return rc;
	bool sure =
		there ? there->ino == b->st.ino
		      : row->p_ino == b->st.ino &&
				(row->damage || row->mtime == b->st.mtime) &&
				!strcmp(row->p_base, b->m->base);
	if (!sure && (rc = hash_body(b, err)) < 0)
		return rc;
	if (!sure && memcmp(&row->hash, &b->hash, sizeof(b->hash)) != 0)
		*ret = SOURCE_OTHER;
	else
		*ret = there ? SOURCE_THERE : SOURCE_GONE;
	return 0;
}

/* Living rows that may be the same message. */
struct sources {
	struct replica_message rows[SOURCES_MAX];
	bool weighed[SOURCES_MAX];
	size_t count;
};

/* By inode and size; or by content and a name, or a GUID. */
enum key { KEY_INODE, KEY_BASE, KEY_GUID };

static int find_source(struct birth *b, enum key by, const char *name,
	int64_t after, struct replica_message *ret, struct err *err)
{
	struct replica *r = b->p->replica;
	struct arena *arena = &b->arena;

	switch (by) {
	case KEY_INODE:
		return replica_message_with_ino(
			r, b->st.ino, b->st.size, after, arena, ret, err);
	case KEY_BASE:
		return replica_message_with_hash(
			r, &b->hash, name, after, arena, ret, err);
	default:
		return replica_message_with_guid(
			r, &b->hash, name, after, arena, ret, err);
	}
}

static int find_sources(struct birth *b, enum key by, const char *name,
	struct sources *s, struct err *err)
{
	int64_t after = 0;

	*s = (struct sources){.count = 0};
	while (s->count < SOURCES_MAX) {
		struct replica_message *row = &s->rows[s->count];
		int rc = find_source(b, by, name, after, row, err);

		if (rc != 0)
			return rc < 0 ? rc : 0;
		after = row->id;
		s->count++;
	}
	return 0;
}

/*
 * Its GUID: noted, or its base name. A server that copies or moves a message
 * may give it another name, and then it notes the GUID: the name that the
 * source had, or the GUID that was noted of that.
 */
static const char *guid_of(struct birth *b)
{
	const char *at = b->m->extra;

	while (*at && *at != 'G') {
		at += strcspn(at, " ");
		at += *at == ' ';
	}
	if (!*at)
		return b->m->base;
	return arena_dup(&b->arena, at + 1, strcspn(at + 1, " "));
}

/* Folders that are in memory are looked into first. */
static bool at_hand(const struct birth *b, const struct replica_message *row)
{
	return row->p_folder == b->f->id ||
	       row->p_folder == b->p->source_folder;
}

/* A message that peers know, under this name or (NULL) any, and that lies
   nowhere yet: it was moved here, or from here. */
static int joined_elsewhere(struct birth *b, const char *name, struct err *err)
{
	struct replica_message row;
	struct replica_folder from;
	int rc = b->p->finishing ? hash_body(b, err) : 1;

	if (rc == 0)
		rc = replica_message_nowhere(
			b->p->replica, &b->hash, name, &b->arena, &row, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = replica_folder_by_row(
		b->p->replica, row.folder, &b->arena, &from, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = pass_is_ours(b->p, b->f) ? move(b, &row, &from, err)
				      : record(b, &row, 0, err);
	return rc < 0 ? rc : 1;
}

/* What lies there, as a row of nobody's. */
static struct replica_message as_placed(const struct birth *b)
{
	return (struct replica_message){.p_folder = b->f->id,
		.p_base = b->m->base,
		.p_letters = b->m->letters,
		.p_keywords = b->keywords,
		.p_extra = pass_extra(b->m),
		.p_uid = b->m->uid,
		.p_ino = b->st.ino,
		.size = b->st.size,
		.mtime = b->st.mtime,
		.hash = b->hash};
}

/* A mail of this very name was expunged, or moved from here and lies there, as
   peers say: this is to go, and nobody's mail is born. */
static int joined_gone(struct birth *b, struct err *err)
{
	struct id128 content = content_id(b->m->base, b->st.size, &b->hash);
	bool newest = !b->p->behind && b->view->identity.uidnext &&
		      b->view->identity.uidnext >= b->f->uidnext;
	struct replica_message row = as_placed(b);

	if (!b->p->finishing)
		return 0;
	if (pass_is_ours(b->p, b->f) && newest)
		return 0; /* somebody brought it back */
	int rc = joining_gone(b->p->replica, &content, err);
	if (rc == 0)
		rc = joining_moved_on(
			b->p->replica, b->f->id, b->m->base, &b->hash, err);
	if (rc > 0)
		rc = replica_stray(b->p->replica, &row, err);
	else if (rc == 0)
		return 0;
	return rc < 0 ? rc : 1;
}

/* What peers said of a message that none is known to be. Returns 1 if that
   settles it. */
static int joined(struct birth *b, struct err *err)
{
	int rc = joined_gone(b, err);

	return rc == 0 ? joined_elsewhere(b, NULL, err) : rc;
}

/*
 * A source that is gone makes it a move; else one that is there, a copy.
 * Returns 1 if it was one of them, and is logged.
 */
static int move_or_copy(struct birth *b, struct sources *s, struct err *err)
{
	struct replica_message *copied = NULL;

	for (size_t i = 0; i < 2 * s->count; i++) {
		struct replica_message *row = &s->rows[i % s->count];
		bool *weighed = &s->weighed[i % s->count];
		struct replica_folder from;
		enum source found;

		if (*weighed || (i < s->count && !at_hand(b, row)))
			continue;
		*weighed = true;
		int rc = weigh(b, row, &found, &from, err);
		if (rc < 0)
			return rc;
		if (found == SOURCE_GONE) {
			b->hash = row->hash;
			rc = move(b, row, &from, err);
			return rc < 0 ? rc : 1;
		}
		if (found == SOURCE_THERE && !copied)
			copied = row;
	}
	if (!copied)
		return 0;
	b->hash = copied->hash;
	b->hashed = true;
	/* Its home made it, perhaps, and knows what became of it. */
	int rc = pass_adopts_folder(b->p, b->f) ? joined(b, err)
						: joined_gone(b, err);
	if (rc == 0)
		rc = copy(b, copied, err);
	return rc < 0 ? rc : 1;
}

/*
 * In a state that joins: a folder at home here is as it is here, whatever peers
 * know, and what differs from that is a change. Another is to become as its
 * home wants it.
 */
static int record_known(
	struct birth *b, struct replica_message *row, struct err *err)
{
	bool joins = b->p->recognising || b->p->finishing;

	if (!joins || !pass_is_ours(b->p, b->f))
		return record(b, row, 0, err);
	row->p_folder = b->f->id;
	row->p_base = b->m->base;
	row->p_letters = row->letters;
	row->p_keywords = row->keywords;
	row->p_extra = row->extra;
	row->p_uid = row->uid ? row->uid : b->m->uid;
	row->p_ino = b->st.ino;
	row->copied_from = 0;
	row->logged_ms = 0;
	row->waits_ms = 0;
	return replica_message_place(b->p->replica, row, true, err);
}

/*
 * The state wants just this message just here: an applier put it there and
 * died. Nobody's change; what is left of it elsewhere is to be removed.
 */
static int recognise(
	struct birth *b, struct replica_message *row, struct err *err)
{
	int rc = 0;

	if (row->p_folder) {
		rc = replica_stray(b->p->replica, row, err);
		if (rc < 0)
			return rc;
	}
	return record_known(b, row, err);
}

/* Returns 1 when an applier had put it there. */
static int recognised(struct birth *b, struct err *err)
{
	struct replica_message row;
	int rc = replica_message_unplaced(
		b->p->replica, b->f->id, b->m->base, &b->arena, &row, err);

	if (rc != 0 || row.size != b->st.size)
		return rc < 0 ? rc : 0;
	if (row.p_folder && row.p_ino == b->st.ino) {
		const struct store_message *there;
		struct replica_folder old;

		rc = look_at_source(b, &row, &there, &old, err);
		if (rc < 0)
			return rc;
		if (!there)
			row.p_folder = 0;
	} else {
		rc = hash_body(b, err);
		if (rc < 0 || memcmp(&row.hash, &b->hash, sizeof(b->hash)))
			return rc;
	}
	rc = recognise(b, &row, err);
	return rc < 0 ? rc : 1;
}

static int is_preview(struct birth *b, struct err *err)
{
	struct replica_message row = as_placed(b);

	return pass_preview(b->p, b->f, b->m, &row, err);
}

static int decide(struct birth *b, struct err *err)
{
	struct sources sources;
	int rc = b->p->store->ops->stat(
		b->p->store, b->f->p_path, b->m, &b->st, err);

	if (rc >= 0)
		rc = recognised(b, err);
	if (rc == 0)
		rc = joined_elsewhere(b, b->m->base, err);
	if (rc == 0)
		rc = find_sources(b, KEY_INODE, NULL, &sources, err);
	if (rc == 0)
		rc = move_or_copy(b, &sources, err);
	if (rc == 0)
		rc = hash_body(b, err);
	if (rc == 0)
		rc = is_preview(b, err);
	if (rc == 0)
		rc = find_sources(b, KEY_BASE, b->m->base, &sources, err);
	if (rc == 0)
		rc = move_or_copy(b, &sources, err);
	if (rc == 0)
		rc = find_sources(b, KEY_GUID, guid_of(b), &sources, err);
	if (rc == 0)
		rc = move_or_copy(b, &sources, err);
	if (rc == 0)
		rc = joined(b, err);
	return rc == 0 ? save(b, err) : rc;
}

int pass_recognise(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, const struct store_message *m,
	struct err *err)
{
	struct birth b = {.p = p, .f = f, .view = view, .m = m};

	if (m->doubled || (view->identity.has_uids && !m->uid))
		return 0;
	b.keywords = store_message_keywords(view, m, &b.arena);
	int rc = p->store->ops->stat(p->store, f->p_path, m, &b.st, err);
	if (rc >= 0)
		rc = recognised(&b, err);
	arena_free(&b.arena);
	return rc == ERR_ABSENT || rc == ERR_CONFLICT || rc > 0 ? 0 : rc;
}

static void wait_for(struct pass *p, const struct store_message *m)
{
	p->waiting =
		mem_grow(p->waiting, p->waiting_count + 1, sizeof(*p->waiting));
	p->waiting[p->waiting_count++] = m->ino;
	p->result->waiting++;
}

int pass_birth(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, const struct store_message *m,
	struct err *err)
{
	struct birth b = {.p = p, .f = f, .view = view, .m = m};

	int rc = m->doubled || (view->identity.has_uids && !m->uid);

	if (!rc && m->unresolved)
		rc = pass_unresolved(p, f, m, err);
	if (rc < 0)
		return rc == ERR_ABSENT ? 0 : rc;
	if (rc > 0) {
		wait_for(p, m);
		return 0;
	}
	b.keywords = store_message_keywords(view, m, &b.arena);
	rc = decide(&b, err);
	arena_free(&b.arena);
	if (rc == ERR_ABSENT)
		return 0; /* came and went */
	if (rc == ERR_LIMIT) {
		p->result->unloggable++;
		return 0;
	}
	if (rc == ERR_CONFLICT && b.given)
		return 1;
	if (rc == ERR_CONFLICT) {
		wait_for(p, m);
		return 0;
	}
	return rc > 0 ? 0 : rc;
}
