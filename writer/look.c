#include "look.h"

#include <stdlib.h>
#include <string.h>

#include "retain.h"
#include "shell.h"

void look_free(struct look *l)
{
	buf_free(&l->complaints);
}

/* Had this account ever any mail that we know of? 1 yes, 0 no. */
static int known_account(struct account *acc, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *marker;
	int rc = replica_text_get(acc->replica, "marker", &arena, &marker, err);

	return rc < 0 ? rc : *marker != '\0';
}

static int root_is_absent(
	struct writer *w, const struct config_account *ca, struct err *err)
{
	struct err quiet = ERR_INIT;
	struct account acc;
	int rc = site_account_open(&w->site, ca->name, false, &acc, &quiet);

	if (rc == ERR_ABSENT)
		return ERR_ABSENT;
	if (rc >= 0) {
		rc = known_account(&acc, &quiet);
		if (rc > 0)
			rc = capture_stop(&acc,
				"its Maildir is not there: not mounted? "
				"(mount it, or is \"maildir\" of the account "
				"mistaken?)",
				&quiet);
		account_close(&acc);
		if (rc == 0)
			return ERR_ABSENT;
	}
	*err = quiet;
	return rc;
}

int look_open(struct writer *w, const struct config_account *ca,
	struct store **ret, struct err *err)
{
	int rc = site_store_open(&w->site, ca, false, ret, err);

	return rc == ERR_ABSENT ? root_is_absent(w, ca, err) : rc;
}

static void show_progress(
	void *arg, const char *path, uint64_t done, uint64_t total)
{
	struct writer *w = arg;

	(void)path;
	w->progress.total = total;
	progress_step(&w->progress, done);
}

static void say_logged(
	struct writer *w, const char *name, const struct capture_result *r)
{
	AUTO_BUF struct buf folders = BUF_INIT;

	count_add(&folders, r->changed, "folder", "folders");
	if (r->changes)
		log_say(&w->log, LOG_LEVEL_INFO,
			"account %s: %llu change%s%s%s", name,
			(unsigned long long)r->changes,
			r->changes == 1 ? "" : "s", folders.len ? " in " : "",
			buf_str(&folders));
	if (r->renumbered)
		log_say(&w->log, LOG_LEVEL_INFO,
			"account %s: %llu message%s that had come late at a "
			"peer got another UID",
			name, (unsigned long long)r->renumbered,
			r->renumbered == 1 ? "" : "s");
	if (r->begun_anew)
		log_say(&w->log, LOG_LEVEL_WARNING,
			"account %s: its state was put back, moved or copied: "
			"a new incarnation begins",
			name);
	if (r->joins)
		log_say(&w->log, LOG_LEVEL_WARNING,
			"account %s: its state is new beside mail that peers "
			"know: nothing is logged before they have answered",
			name);
	if (r->mended)
		log_say(&w->log, LOG_LEVEL_WARNING,
			"account %s: UID lists of %llu folder%s had gone back "
			"(a power cut?): what is known of them was written "
			"again",
			name, (unsigned long long)r->mended,
			r->mended == 1 ? "" : "s");
}

/* Folders that are stopped, or whose removals wait for somebody. */
static void find_complaints(struct account *acc, struct look *l)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	size_t count;

	if (replica_folders(acc->replica, &arena, &folders, &count, NULL) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct replica_folder *f = &folders[i];

		if (!f->p_path || f->off)
			continue;
		AUTO_FREE char *account = shell_word(acc->name);
		AUTO_FREE char *folder = shell_word(f->p_path);
		if (*f->stopped)
			buf_printf(&l->complaints,
				"account %s: folder %s is stopped: %s (if it "
				"is right as it is: packetboat on %s %s)\n",
				acc->name, f->p_path, f->stopped, account,
				folder);
		if (f->guard_count)
			buf_printf(&l->complaints,
				"account %s: folder %s: %llu expunges wait, "
				"nothing of them was logged (if they are "
				"meant: packetboat guard accept %s %s)\n",
				acc->name, f->p_path,
				(unsigned long long)f->guard_count, account,
				folder);
	}
}

void look_again(struct writer *w, const struct config_account *ca,
	struct store *store, int64_t lock_wait_ms, int64_t folder,
	struct look *ret)
{
	struct capture_config config = {
		.claim = site_claims(&w->site),
		.join_ms = SITE_JOIN_MS,
		.guard_percent = ca->guard_percent,
		.guard_least = ca->guard_least,
		.guard_exempt = ca->guard_exempt,
		.guard_exempt_count = ca->guard_exempt_count,
		.give_uids = true,
		.again = folder,
		.progress = show_progress,
		.progress_arg = w,
	};
	AUTO_FREE char *what = mem_printf("look at %s", ca->name);
	struct account acc;

	*ret = (struct look){.err = ERR_INIT};
	AUTO_FREE uint64_t *answering =
		site_answering(&w->site, ca->name, &config.answering_count);

	AUTO_FREE uint64_t *two_way =
		site_two_way(&w->site, ca->name, &config.two_way_count);

	config.answering = answering;
	config.two_way = two_way;
	ret->rc = site_account_open(&w->site, ca->name, true, &acc, &ret->err);
	if (ret->rc < 0)
		return;
	ret->rc = account_lock(&acc, lock_wait_ms, &ret->err);
	if (ret->rc >= 0) {
		progress_begin(&w->progress, &w->log, what, 0);
		ret->rc = capture_account(
			&acc, store, &config, &ret->result, &ret->err);
		progress_end(&w->progress);
		say_logged(w, ca->name, &ret->result);
		find_complaints(&acc, ret);
		if (ret->result.damaged)
			buf_printf(&ret->complaints,
				"account %s: %llu messages were found damaged: "
				"nothing of it is logged (packetboat gap list "
				"says which)\n",
				ca->name,
				(unsigned long long)ret->result.damaged);
		retain_logged(w, ret->result.changes);
		if (ret->rc >= 0)
			retain_account(w, &acc);
	}
	account_close(&acc);
}

void look_at(struct writer *w, const struct config_account *ca,
	struct store *store, int64_t lock_wait_ms, struct look *ret)
{
	look_again(w, ca, store, lock_wait_ms, 0, ret);
}

int look_complain(struct writer *w, const struct look *l)
{
	int code = l->complaints.len ? EXIT_OPERATOR : EXIT_DONE;
	const char *line = (const char *)l->complaints.data;
	size_t left = l->complaints.len;

	while (left) {
		size_t len =
			(size_t)((const char *)memchr(line, '\n', left) - line);

		log_say(&w->log, LOG_LEVEL_WARNING, "%.*s", (int)len, line);
		line += len + 1;
		left -= len + 1;
	}
	/* A folder that is stopped was named above. */
	if (l->rc < 0 && !(l->rc == ERR_OPERATOR && l->result.stopped))
		log_err(&w->log, &l->err);
	return l->rc < 0 ? exit_worse(code, exit_for(&l->err)) : code;
}
