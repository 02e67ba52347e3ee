#include "stating.h"

#include <stdlib.h>
#include <string.h>

#include "comparing.h"
#include "err.h"
#include "stated.h"
#include "viewed.h"

#define SUMMED_MAX 200000u /* messages at a time: some seconds */

/* Folders to be spoken of, by id. */
struct subjects {
	struct id128 *ids;
	size_t count;
};

static bool is_in_the_lading(
	const struct stating *s, const struct lading_log *l)
{
	return l->account == s->index;
}

static bool will_know(
	const struct stating *s, const struct replica_log *log, uint64_t from)
{
	if (from >= log->known.lsn)
		return true;
	for (size_t i = 0; i < s->lading->log_count; i++) {
		const struct lading_log *l = &s->lading->logs[i];

		if (is_in_the_lading(s, l) && l->log == log->id &&
			l->to.lsn == log->known.lsn)
			return true;
	}
	return false;
}

/* Will the peer know all that we logged in folders, and pass on to it? */
static bool will_know_all(const struct stating *s)
{
	for (size_t i = 0; i < s->log_count; i++) {
		const struct replica_log *log = &s->logs[i];

		bool told = log->known.log.origin == s->self ? !s->hidden[i]
							     : s->passed[i];

		if (told && !id_is_account(&log->known.log.folder) &&
			!will_know(s, log, s->from[i]))
			return false;
	}
	return true;
}

/* By the id that the folder's own row has, through merges of ids. */
static int add_subject(const struct stating *s, const struct id128 *folder,
	struct arena *arena, struct subjects *to, struct err *err)
{
	struct replica_folder f;
	int rc = replica_folder_by_fid(s->replica, folder, arena, &f, err);

	if (rc == 0)
		rc = view_is_apart(s->replica, s->peer, folder, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	to->ids = mem_room(to->ids, to->count, sizeof(*to->ids));
	to->ids[to->count++] = f.fid;
	return 0;
}

static int add_handed_over(const struct stating *s, struct arena *arena,
	struct subjects *to, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->lading->log_count && rc >= 0; i++) {
		const struct lading_log *l = &s->lading->logs[i];

		if (is_in_the_lading(s, l) && !id_is_account(&l->to.log.folder))
			rc = add_subject(s, &l->to.log.folder, arena, to, err);
	}
	return rc;
}

/* What can wait goes along with something else only. */
static int add_owed(const struct stating *s, struct arena *arena,
	struct subjects *to, struct err *err)
{
	const struct lading *l = s->lading;
	bool empty = !l->bundle && !l->sections.len && !l->body_count;
	enum stated_owed most;
	struct id128 *ids;
	size_t count;
	int rc = stated_owed(
		s->replica, s->peer, arena, &ids, &count, &most, err);

	if (rc < 0 || (empty && most != STATED_ALONE))
		return rc;
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = add_subject(s, &ids[i], arena, to, err);
	return rc;
}

/* What is not what it was is compared at once. */
static int begin_comparison(
	const struct stating *s, const struct id128 *folder, struct err *err)
{
	int rc = replica_begin(s->replica, err);

	if (rc >= 0 && s->oneway)
		rc = comparing_push(s->replica, s->peer, folder, err);
	else if (rc >= 0)
		rc = comparing_begin_now(
			s->replica, s->peer, folder, COMPARING_EXACT, err);
	if (rc >= 0)
		rc = replica_commit(s->replica, err);
	replica_rollback(s->replica);
	return rc;
}

/* Are a folder's sums those of its registers? Returns 1 if it does not stand
   still. */
static int sum_up(
	const struct stating *s, const struct stated_folder *f, struct err *err)
{
	int rc = stated_recount(s->replica, f->row, s->now_ms, err);

	if (rc == ERR_BUSY) {
		*err = (struct err)ERR_INIT;
		return 1;
	}
	return rc > 0 ? begin_comparison(s, &f->folder, err) : rc;
}

/*
 * What was not stated for long, once its sums are those of its registers. Of
 * what is too much at once the next time.
 */
static int add_due(const struct stating *s, struct arena *arena,
	struct subjects *to, struct err *err)
{
	struct stated_folder *due;
	uint64_t summed = 0;
	size_t count;
	int rc;

	if (s->span_ms < 0 || !s->record)
		return 0;
	rc = stated_due(s->replica, s->peer, s->span_ms, s->now_ms, arena, &due,
		&count, err);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		if (i && summed + due[i].messages > SUMMED_MAX)
			break;
		summed += due[i].messages;
		rc = sum_up(s, &due[i], err);
		if (rc == 0)
			rc = add_subject(s, &due[i].folder, arena, to, err);
	}
	return rc < 0 ? rc : 0;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

/* Those of the folders that are to be spoken of; both in order of ids. */
static size_t keep_subjects(
	struct stated *folders, size_t count, const struct subjects *subjects)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (bsearch(&folders[i].folder, subjects->ids, subjects->count,
			    sizeof(*subjects->ids), by_id))
			folders[kept++] = folders[i];
	return kept;
}

static int add_section(const struct stating *s, uint64_t vector,
	const struct stated *folders, size_t count, struct arena *arena,
	struct err *err)
{
	struct parcel_statement said = {
		.account = s->account, .vector = vector, .count = count};

	said.folders = arena_alloc(arena, count * sizeof(*said.folders));
	for (size_t i = 0; i < count; i++)
		said.folders[i] = (struct parcel_stated){folders[i].folder,
			folders[i].sums.messages, folders[i].sums.digest};
	return lading_statement(s->lading, &said, err);
}

/* Told too early at worst: the next change of the folder tells it again. */
static int record(const struct stating *s, const struct stated *folders,
	size_t count, struct err *err)
{
	int rc = replica_begin(s->replica, err);

	if (rc >= 0)
		rc = stated_told(
			s->replica, s->peer, folders, count, s->now_ms, err);
	if (rc >= 0)
		rc = replica_commit(s->replica, err);
	replica_rollback(s->replica);
	return rc;
}

/* A site that hands over nothing looks at its own sums all the same. */
static int look_only(const struct stating *s, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct subjects subjects = {0};
	int rc = add_due(s, &arena, &subjects, err);
	struct stated *seen =
		arena_alloc(&arena, (subjects.count + 1) * sizeof(*seen));

	for (size_t i = 0; i < subjects.count; i++)
		seen[i] = (struct stated){.folder = subjects.ids[i]};
	if (rc >= 0 && subjects.count)
		rc = record(s, seen, subjects.count, err);
	free(subjects.ids);
	return rc;
}

int stating_add(const struct stating *s, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct subjects subjects = {0};
	struct stated *folders;
	uint64_t vector;
	size_t count = 0, handed_over;
	int rc = 0;

	if (!s->sends)
		return look_only(s, err);
	if (!will_know_all(s))
		return 0;
	rc = add_handed_over(s, &arena, &subjects, err);
	handed_over = subjects.count;
	if (rc >= 0)
		rc = add_owed(s, &arena, &subjects, err);
	if (rc >= 0)
		rc = add_due(s, &arena, &subjects, err);
	bool owed = subjects.count > handed_over;
	if (rc >= 0 && subjects.count) {
		qsort(subjects.ids, subjects.count, sizeof(*subjects.ids),
			by_id);
		rc = stated_now(s->replica, s->peer, &arena, &vector, &folders,
			&count, err);
	}
	if (count)
		count = keep_subjects(folders, count, &subjects);
	free(subjects.ids);
	if (rc >= 0 && count)
		rc = add_section(s, vector, folders, count, &arena, err);
	if (rc >= 0 && count && owed && s->record)
		rc = record(s, folders, count, err);
	return rc;
}
