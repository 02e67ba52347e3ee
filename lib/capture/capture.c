#include "capture.h"

#include <stdlib.h>
#include <string.h>

#include "joining.h"
#include "mutf7.h"
#include "pass.h"
#include "quarantine.h"

bool capture_is_exempt(const struct capture_config *config, const char *path)
{
	const char *last = strrchr(path, '/');

	for (size_t i = 0; i < config->guard_exempt_count; i++)
		if (mutf7_same_name(path, config->guard_exempt[i]) ||
			(last && mutf7_same_name(
					 last + 1, config->guard_exempt[i])))
			return true;
	return false;
}

bool capture_is_mass(
	const struct capture_config *config, uint64_t there, uint64_t gone)
{
	return there > config->guard_least &&
	       gone * 100 > there * config->guard_percent;
}

struct change pass_change(
	struct pass *p, enum change_kind kind, int64_t event_ms, uint64_t above)
{
	struct change c = change_blank(kind);

	c.by.stamp = journal_stamp(
		event_ms ? event_ms : p->now_ms, p->now_ms, above);
	return c;
}

int pass_put(struct pass *p, const struct id128 *folder, struct change *c,
	struct err *err)
{
	p->puts++;
	p->result->changes++;
	pass_changed(p, id_is_account(folder) ? &c->folder : folder);
	return journal_put(&p->journal, folder, c, err);
}

int pass_claim(struct pass *p, const struct id128 *folder,
	const struct store_identity *id, struct err *err)
{
	struct change c = pass_change(p, CHANGE_AUTHORITY, 0, 0);

	c.folder = *folder;
	c.term = 1;
	c.site = replica_origin(p->replica);
	c.uidvalidity = id->uidvalidity;
	c.uidnext = id->uidnext;
	int rc = pass_put(p, &ID_ACCOUNT, &c, err);
	AUTO_FREE char *key = pass_claim_key(p->replica, folder);
	return rc < 0 ? rc
		      : replica_meta_set(
				p->replica, key, (int64_t)c.by.lsn, err);
}

char *pass_claim_key(struct replica *r, const struct id128 *folder)
{
	char hex[ID_HEX];

	id_hex(folder, hex);
	return mem_printf("claim %016llx %s",
		(unsigned long long)replica_incarnation(r), hex);
}

void pass_touch(struct pass *p, const char *path)
{
	for (size_t i = p->touched_count; i-- > 0;)
		if (strcmp(p->touched[i], path) == 0)
			return;
	p->touched =
		mem_grow(p->touched, p->touched_count + 1, sizeof(*p->touched));
	p->touched[p->touched_count++] = mem_dup(path);
}

void pass_touch_parent(struct pass *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent =
		slash ? mem_dup_n(path, (size_t)(slash - path)) : NULL;

	/* The root, which in Maildir++ is every folder's parent. */
	pass_touch(p, "INBOX");
	if (parent)
		pass_touch(p, parent);
}

static void untouch(struct pass *p)
{
	while (p->touched_count)
		free(p->touched[--p->touched_count]);
}

/* Neither log nor state may be ahead of the mail: servers do not sync what
   they rename and unlink. */
static int sync_touched(struct pass *p, struct err *err)
{
	for (size_t i = 0; i < p->touched_count; i++) {
		int rc = p->store->ops->sync(p->store, p->touched[i], err);

		if (rc < 0 && rc != ERR_ABSENT) /* the next pass sees it */
			return rc;
	}
	return 0;
}

int pass_commit(struct pass *p, struct err *err)
{
	int rc = p->puts || p->raised ? sync_touched(p, err) : 0;

	untouch(p);
	if (rc >= 0)
		rc = journal_commit(&p->journal, false, err);
	p->puts = 0;
	p->raised = false;
	if (rc < 0)
		return rc;
	p->now_ms = p->account->os->ops->wall_ns(p->account->os) / 1000000;
	return journal_begin(&p->journal, p->account, err);
}

void pass_source_drop(struct pass *p)
{
	if (p->source_folder)
		store_view_free(&p->source);
	p->source = (struct store_view){0};
	p->source_folder = 0;
}

#define ANY_MARKER "-"	/* known of the marker: it is right as it is */
#define MARKED "marked" /* in the state: when its file was made; 0 any */

int capture_stop(struct account *a, const char *why, struct err *err)
{
	int rc = replica_begin(a->replica, err);

	if (rc >= 0)
		rc = replica_text_set(a->replica, "stopped", why, err);
	if (rc >= 0)
		rc = replica_commit(a->replica, err);
	replica_rollback(a->replica);
	if (rc < 0)
		return rc;
	return err_set(err, ERR_OPERATOR, "account %s: %s", a->name, why);
}

int capture_accept(struct account *a, struct err *err)
{
	int rc = replica_text_set(a->replica, "marker", ANY_MARKER, err);

	if (rc >= 0)
		rc = replica_text_set(a->replica, "stopped", "", err);
	/* whichever copy it is */
	return rc < 0 ? rc : replica_meta_set(a->replica, MARKED, 0, err);
}

char *pass_folder_key(const char *what, const struct replica_folder *f)
{
	char hex[ID_HEX];

	id_hex(&f->fid, hex);
	return mem_printf("%s %s", what, hex);
}

int pass_restored(
	struct replica *r, const struct replica_folder *f, struct err *err)
{
	AUTO_FREE char *key = pass_folder_key("restored", f);
	int64_t restored = 0;
	int rc = replica_meta_get(r, key, &restored, err);

	return rc < 0 ? rc : restored != 0;
}

int pass_restored_set(struct replica *r, const struct replica_folder *f,
	bool value, struct err *err)
{
	AUTO_FREE char *key = pass_folder_key("restored", f);

	return replica_meta_set(r, key, value, err);
}

int capture_restored_folder(
	struct account *a, struct replica_folder *f, struct err *err)
{
	int rc = pass_restored_set(a->replica, f, true, err);

	return rc < 0 ? rc : capture_accept_folder(a, f, err);
}

int capture_accept_folder(
	struct account *a, struct replica_folder *f, struct err *err)
{
	f->stopped = "";
	f->guard_ok = true;
	f->cookie_good = false;
	return replica_folder_place(a->replica, f, err);
}

static int stop_account(struct pass *p, const char *why, struct err *err)
{
	journal_abort(&p->journal);
	return capture_stop(p->account, why, err);
}

/* Whose end it goes on from nobody can tell; that it is a new one, peers know
   by this. */
static int begin_alone(struct pass *p, struct err *err)
{
	struct change begin = pass_change(p, CHANGE_BEGIN, 0, 0);

	begin.end.log = (struct log_id){replica_origin(p->replica),
		replica_incarnation(p->replica), ID_ACCOUNT};
	return pass_put(p, &ID_ACCOUNT, &begin, err);
}

/*
 * A state that knows of no marker is new. Mail that has one all the same was
 * looked at with another state: that was lost, or the mail is a copy of a
 * peer's. A marker of our own is announced before it is made, for a crash.
 */
static int meet_marker(struct pass *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *known;
	struct store_marker marker;
	struct err none = ERR_INIT;
	int rc = replica_text_get(p->replica, "marker", &arena, &known, err);

	if (rc < 0 || *known)
		return rc;
	if (p->store->ops->marker(p->store, false, &marker, &none) >= 0)
		rc = p->config->answering_count
			     ? joining_begin(p->replica, p->now_ms, err)
			     : begin_alone(p, err);
	if (rc >= 0)
		rc = replica_text_set(p->replica, "marker", ANY_MARKER, err);
	return rc < 0 ? rc : pass_commit(p, err);
}

/* A copy has the marker, in a file made at another time. */
bool pass_is_copy(const struct pass *p)
{
	return p->known_ns && p->marked_ns && p->known_ns != p->marked_ns;
}

/*
 * The store must be the one placed before. The marker says so for the whole;
 * folders are checked one by one where something is absent (folder.c).
 */
static int compare_marker(struct pass *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *known, *stopped;
	AUTO_FREE char *text = NULL;
	struct store_marker marker;
	char hex[ID_HEX];
	struct err why = ERR_INIT;
	int rc = replica_text_get(p->replica, "marker", &arena, &known, err);

	if (rc < 0)
		return rc;
	bool any = strcmp(known, ANY_MARKER) == 0;
	int have = p->store->ops->marker(p->store, any, &marker, &why);
	if (have < 0 && have != ERR_ABSENT) {
		*err = why;
		return have;
	}
	if (have == ERR_ABSENT) {
		text = mem_printf(!any ? "the mail store has lost its marker: "
					 "not mounted, emptied or replaced "
					 "(mount it, or say \"packetboat on "
					 "%s\" if it is right)"
				       : "there is no mail store (account %s)",
			p->account->name);
		return stop_account(p, text, err);
	}
	id_hex(&marker.id, hex);
	p->marked_ns = marker.made_ns;
	rc = replica_meta_get(p->replica, MARKED, &p->known_ns, err);
	if (rc >= 0 && any)
		rc = replica_text_set(p->replica, "marker", hex, err);
	else if (rc >= 0 && strcmp(known, hex) != 0) {
		text = mem_printf(
			"another mail store lies where the known one was (put "
			"the right one back, or say \"packetboat on %s\" if it "
			"is right)",
			p->account->name);
		return stop_account(p, text, err);
	}
	if (rc >= 0)
		rc = replica_text_get(
			p->replica, "stopped", &arena, &stopped, err);
	if (rc < 0 || !*stopped)
		return rc;
	return replica_text_set(p->replica, "stopped", "", err);
}

static int check_marker(struct pass *p, struct err *err)
{
	int rc = meet_marker(p, err);

	return rc < 0 ? rc : compare_marker(p, err);
}

bool pass_again(const struct pass *p, int64_t folder)
{
	return ((p->started || p->finishing) && !p->settling) ||
	       p->config->again == CAPTURE_ALL || p->config->again == folder;
}

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT "boot" /* in the state: the one of the last whole pass */

/*
 * What a file system lost when the machine went down is not there when it is
 * up again, and no directory shows it. ret: "" where that cannot be told.
 */
static int look_at_boot(
	struct pass *p, struct arena *arena, const char **ret, struct err *err)
{
	const char *known;
	int rc = replica_text_get(p->replica, BOOT, arena, &known, err);

	*ret = pass_system_line(p, BOOT_ID, arena);
	p->started = rc >= 0 && **ret && strcmp(known, *ret) != 0;
	return rc;
}

/* Status says it, until all could be read again. What only waits, or is stopped,
   is none of it. */
static int note_unread(struct pass *p, const struct err *why, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *text = why->code == ERR_IO ? why->text : "", *known;
	int rc = replica_text_get(p->replica, "unread", &arena, &known, err);

	if (rc < 0 || strcmp(known, text) == 0)
		return rc < 0 ? rc : 0;
	return replica_text_set(p->replica, "unread", text, err);
}

/* Read every folder that changed; a folder that fails does not stop others. */
static int look(struct pass *p, struct err *first)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	size_t count;
	struct err err = ERR_INIT;
	int rc = replica_folders(p->replica, &arena, &folders, &count, first);
	int worst = 0;

	if (rc < 0)
		return rc;
	p->waiting_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (!folders[i].p_path || folders[i].off)
			continue;
		p->result->folders++;
		rc = pass_folder(p, folders[i].id, &err);
		if (rc == ERR_ABSENT)
			continue; /* renamed or removed under way */
		if (rc < 0) {
			if (!worst)
				*first = err;
			worst = rc;
			if (!p->journal.open)
				rc = journal_begin(
					&p->journal, p->account, first);
			if (rc < 0 && !p->journal.open)
				return rc;
		}
	}
	return worst;
}

static int cmp_absence(const void *a, const void *b)
{
	const struct absence *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	return x->message < y->message ? -1 : x->message > y->message;
}

/*
 * Decide about what was absent, folder by folder, under the server's lock:
 * only what is still absent then, and was not found elsewhere meanwhile.
 */
static int settle_absences(struct pass *p, struct err *err)
{
	int rc = 0;

	if (p->absence_count)
		qsort(p->absences, p->absence_count, sizeof(*p->absences),
			cmp_absence);
	for (size_t i = 0; i < p->absence_count && rc >= 0;) {
		AUTO_ARENA struct arena arena = {0};
		int64_t folder = p->absences[i].folder;
		struct replica_folder f;
		struct store_view view = {0};

		while (i < p->absence_count && p->absences[i].folder == folder)
			i++;
		rc = replica_folder_by_row(p->replica, folder, &arena, &f, err);
		if (rc != 0 || !f.p_path)
			continue;
		rc = p->store->ops->view(
			p->store, f.p_path, STORE_LOCKED, &view, err);
		pass_touch(p, f.p_path);
		if (rc >= 0)
			rc = pass_absences(p, folder, &view, err);
		else if (rc == ERR_ABSENT)
			rc = 0; /* the folder itself went: the next pass */
		store_view_free(&view);
	}
	return rc;
}

static int gone_folders(struct pass *p, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < p->vanished_count && rc >= 0; i++) {
		AUTO_ARENA struct arena arena = {0};
		struct replica_folder f;

		rc = replica_folder_by_row(
			p->replica, p->vanished[i], &arena, &f, err);
		if (rc != 0)
			continue;
		pass_touch_parent(p, f.p_path);
		rc = pass_absences(p, p->vanished[i], NULL, err);
		if (rc == 0)
			rc = pass_folder_gone(p, p->vanished[i], err);
	}
	return rc < 0 ? rc : 0;
}

/*
 * A folder that is gone from a store that is a copy of the known one was not
 * deleted: the mail was restored as it was before. The marker's file tells: it
 * was made at another time. Where nothing is missing the copy is the store
 * that is known from now on.
 */
static int check_copy(struct pass *p, struct err *err)
{
	if (!p->marked_ns || p->known_ns == p->marked_ns)
		return 0;
	if (p->known_ns && p->vanished_count) {
		AUTO_FREE char *why = mem_printf(
			"the mail is a copy of what was here before, and "
			"folders are missing: restored from an older copy? "
			"(put the right one back, or say \"packetboat on %s\" "
			"if it is right)",
			p->account->name);
		return stop_account(p, why, err);
	}
	if (p->vanished_count || p->absence_count)
		return 0;
	return replica_meta_set(p->replica, MARKED, p->marked_ns, err);
}

static int claim_inbox(struct pass *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	int rc = replica_folder_by_fid(p->replica, &ID_INBOX, &arena, &f, err);

	if (rc != 0 || f.authority.term || !f.p_path || !p->config->claim)
		return rc < 0 ? rc : 0;
	rc = replica_holds_mail(p->replica, err);
	if (rc <= 0)
		return rc;
	f.cookie_good = false;
	rc = replica_folder_place(p->replica, &f, err);
	return rc < 0 ? rc : pass_folder(p, f.id, err);
}

static int run(struct pass *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	int64_t off = 0;
	const char *boot;
	struct err later = ERR_INIT;
	int rc = pass_continuity(p, err);

	if (rc >= 0)
		rc = check_marker(p, err);
	if (rc >= 0 && p->store->ops->settle)
		rc = p->store->ops->settle(p->store, err);
	if (rc >= 0)
		rc = look_at_boot(p, &arena, &boot, err);
	if (rc >= 0)
		rc = replica_meta_get(p->replica, "off", &off, err);
	if (rc < 0 || off)
		return rc < 0 ? rc : 0;
	rc = pass_join(p, &arena, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = pass_tree(p, &arena, err);
	if (rc >= 0)
		rc = pass_late_load(p, &arena, err);
	if (rc < 0)
		return rc;
	int worst = look(p, &later);
	/* INBOX was read before the account held mail: read it again. */
	if (worst >= 0 && (rc = claim_inbox(p, err)) < 0)
		return rc;
	if (p->absence_count || p->vanished_count || p->tree_again) {
		/* What is gone here may have come up elsewhere: look again at
		   all that changed since, before believing it. */
		p->result->folders = 0;
		p->result->waiting = 0;
		p->settling = true;
		rc = pass_tree(p, &arena, err);
		if (rc >= 0)
			rc = check_copy(p, err);
		if (rc < 0)
			return rc;
		struct err again = ERR_INIT;
		/* A folder that waits for a person does not hold up the
		   others: what moved into it is born there one day. */
		rc = look(p, &again);
		if (rc < 0 && rc != ERR_OPERATOR) {
			*err = again;
			return rc;
		}
		if ((rc = settle_absences(p, err)) < 0 ||
			(rc = gone_folders(p, err)) < 0)
			return rc;
	}
	if (worst >= 0 && (rc = check_copy(p, err)) < 0)
		return rc;
	if (p->finishing && worst >= 0 && (rc = pass_joined(p, err)) < 0)
		return rc;
	/* Names that the folders that are gone had are free now. */
	if ((rc = capture_merge_names(&p->journal, err)) < 0 ||
		(rc = pass_commit(p, err)) < 0)
		return rc;
	rc = note_unread(p, &later, err);
	if (worst < 0)
		*err = later;
	else if (rc >= 0 && p->started)
		rc = replica_text_set(p->replica, BOOT, boot, err);
	return worst < 0 ? worst : rc;
}

int capture_account(struct account *a, struct store *store,
	const struct capture_config *config, struct capture_result *ret,
	struct err *err)
{
	struct pass p = {
		.account = a,
		.replica = a->replica,
		.store = store,
		.config = config,
		.result = ret,
		.now_ms = a->os->ops->wall_ns(a->os) / 1000000,
	};

	*ret = (struct capture_result){0};
	struct err why = ERR_INIT;
	int rc = quarantine_asked(a, &why, err);

	if (rc > 0) {
		*err = why;
		err->code = ERR_OPERATOR;
		return err_wrap(err,
			"account %s: a log is damaged and was put aside",
			a->name);
	}
	if (rc < 0)
		return rc;
	rc = journal_begin(&p.journal, a, err);
	if (rc < 0)
		return rc;
	rc = run(&p, err);
	if (p.journal.open) {
		struct err last = ERR_INIT;
		int done = p.puts || p.raised ? sync_touched(&p, &last) : 0;

		if (done >= 0)
			done = journal_commit(&p.journal, false, &last);
		else
			journal_abort(&p.journal);

		if (done < 0 && rc >= 0) {
			*err = last;
			rc = done;
		}
	}
	pass_source_drop(&p);
	free(p.absences);
	free(p.listed);
	free(p.changed);
	free(p.waiting);
	untouch(&p);
	free(p.touched);
	return rc;
}
