/*
 * switches: what an operator decides about accounts and folders: on, off,
 * guard accept, folder restored. They work while the programs run.
 */
#include <inttypes.h>
#include <string.h>

#include "begun.h"
#include "capture.h"
#include "err.h"
#include "front.h"
#include "guarded.h"
#include "mutf7.h"
#include "site.h"

#define LOCK_WAIT_MS 30000

enum decision { LOGGING_ON, LOGGING_OFF, GUARD_ACCEPT, FOLDER_RESTORED };

static int decide_folder(struct account *a, const char *path,
	enum decision what, struct front *f, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder folder;
	int rc = begun_folder(a, path, &arena, &folder, err);

	if (rc < 0)
		return rc;
	folder.off = what == LOGGING_OFF;
	folder.cookie_good = false; /* the next pass looks at it */
	rc = what == LOGGING_ON && *folder.stopped
		     ? capture_accept_folder(a, &folder, err)
		     : replica_folder_place(a->replica, &folder, err);
	if (rc == 0)
		log_say(&f->log, LOG_LEVEL_INFO,
			folder.off
				? "account %s: folder %s: logging is off"
				: "account %s: folder %s: logging is on; what "
				  "was missed is found by comparison",
			a->name, path);
	return rc;
}

/* Where the whole account stands still for it, that is over, too. */
static int folder_restored(
	struct account *a, const char *path, struct front *f, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder folder;
	const char *stopped;
	int rc = begun_folder(a, path, &arena, &folder, err);

	if (rc >= 0)
		rc = capture_restored_folder(a, &folder, err);
	if (rc >= 0)
		rc = replica_text_get(
			a->replica, "stopped", &arena, &stopped, err);
	if (rc >= 0 && *stopped)
		rc = capture_accept(a, err);
	if (rc >= 0)
		log_say(&f->log, LOG_LEVEL_INFO,
			"account %s: folder %s: what is missing in it comes "
			"back from a peer, what was expunged stays as new mail",
			a->name, path);
	return rc;
}

static int decide_account(
	struct account *a, enum decision what, struct front *f, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	const char *stopped;
	int rc = replica_meta_set(a->replica, "off", what == LOGGING_OFF, err);

	if (rc == 0)
		rc = replica_text_get(
			a->replica, "stopped", &arena, &stopped, err);
	if (rc == 0 && what == LOGGING_ON && *stopped)
		rc = capture_accept(a, err);
	if (rc == 0)
		log_say(&f->log, LOG_LEVEL_INFO,
			what == LOGGING_OFF
				? "account %s: logging is off"
				: "account %s: logging is on; what was missed "
				  "is found by comparison",
			a->name);
	return rc;
}

/* ---- guard accept ---- */

static bool has_name(const struct replica_folder *f, const char *name)
{
	return !strcmp(f->path, name) ||
	       (f->p_path && !strcmp(f->p_path, name));
}

/* Returns 1 if something waited there. */
static int accept_folder(struct account *a, struct replica_folder *f,
	struct front *front, struct err *err)
{
	bool here = f->guard_count > 0;
	struct guarded g;
	int rc = guarded_get(a->replica, f->id, &g, err);
	bool come = g.waiting > 0;

	if (rc < 0 || (!here && !come))
		return rc;
	f->guard_ok |= here;
	f->cookie_good = false; /* the next pass looks at it */
	g.accepted |= come;
	rc = replica_folder_place(a->replica, f, err);
	if (rc >= 0)
		rc = guarded_set(a->replica, &g, err);
	if (rc < 0)
		return rc;
	log_say(&front->log, LOG_LEVEL_INFO,
		"account %s: folder %s: the expunges will be %s", a->name,
		f->path,
		!come  ? "logged"
		: here ? "logged, and done"
		       : "done");
	return 1;
}

static int accept_all(struct account *a, const char *path, struct front *front,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders = NULL, named;
	const char *coded = path ? mutf7_encode(&arena, path) : NULL;
	size_t count = 0;
	bool any = false;
	int rc = replica_folders(a->replica, &arena, &folders, &count, err);

	for (size_t i = 0; i < count && rc >= 0; i++) {
		/* As people type it, or as it is on disk. */
		if (path && !has_name(&folders[i], path) &&
			!(coded && has_name(&folders[i], coded)))
			continue;
		rc = accept_folder(a, &folders[i], front, err);
		any |= rc > 0;
	}
	/* There is no such folder, or nothing waits there. */
	if (rc >= 0 && !any && path)
		rc = begun_folder(a, path, &arena, &named, err);
	if (rc < 0 || any)
		return rc < 0 ? rc : 0;
	return err_set(err, ERR_USAGE, "account %s: %s%s%sno expunges wait%s",
		a->name, path ? "folder " : "", path ? path : "",
		path ? ": " : "", path ? " there" : "");
}

static int decide(struct site *s, const char *name, const char *path,
	enum decision what, struct front *f, struct err *err)
{
	struct account a;
	int rc;

	if (!site_account(s, name))
		return err_set(err, ERR_USAGE,
			"there is no account \"%s\" in %s", name,
			s->config.path);
	rc = site_account_open(s, name, what == LOGGING_OFF && !path, &a, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE,
			"account %s: nothing was logged or received yet", name);
	if (rc < 0)
		return rc;
	rc = account_lock(&a, LOCK_WAIT_MS, err);
	if (rc == 0)
		rc = replica_begin(a.replica, err);
	if (rc == 0)
		rc = what == GUARD_ACCEPT ? accept_all(&a, path, f, err)
		     : what == FOLDER_RESTORED
			     ? folder_restored(&a, path, f, err)
		     : path ? decide_folder(&a, path, what, f, err)
			    : decide_account(&a, what, f, err);
	if (rc == 0)
		rc = replica_commit(a.replica, err);
	replica_rollback(a.replica);
	account_close(&a);
	return rc;
}

static int run(struct front *f, const char *account, const char *folder,
	enum decision what)
{
	struct site s;
	struct err err = ERR_INIT;
	int rc;

	if (site_open(&s, f->config_given, &err) < 0)
		return front_fail(f, &err);
	rc = decide(&s, account, folder, what, f, &err);
	site_close(&s);
	return rc < 0 ? front_fail(f, &err) : EXIT_DONE;
}

int command_logging(struct front *f, int argc, char **argv)
{
	if (argc < 2 || argc > 3)
		return front_usage(f, argv[0]);
	return run(f, argv[1], argc == 3 ? argv[2] : NULL,
		strcmp(argv[0], "off") == 0 ? LOGGING_OFF : LOGGING_ON);
}

int command_guard(struct front *f, int argc, char **argv)
{
	if (argc < 3 || argc > 4 || strcmp(argv[1], "accept") != 0)
		return front_usage(f, argv[0]);
	return run(f, argv[2], argc == 4 ? argv[3] : NULL, GUARD_ACCEPT);
}

int command_folder(struct front *f, int argc, char **argv)
{
	if (argc != 4 || strcmp(argv[1], "restored") != 0)
		return front_usage(f, argv[0]);
	return run(f, argv[2], argv[3], FOLDER_RESTORED);
}
