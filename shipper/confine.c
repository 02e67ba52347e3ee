/*
 * confine: the state, the media, and what the C library reads; nothing else.
 *
 * A daemon's medium may be mounted on the very directory that its link names:
 * Landlock then looks at the directories above, so the one that holds it is
 * kept. Where mail lies in what has to be kept, and where a link runs commands,
 * which would have no more rights than their shipper, nothing is given up.
 */
#include "confine.h"
#include "err.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct planning {
	const struct confine_call *call;
	struct confine_plan *plan;
	const char **mail; /* directories that hold it */
	size_t mail_count;
};

/* With no symbolic link in it; of what is not there the directory that is. */
static char *real(struct arena *arena, const char *path)
{
	AUTO_FREE char *at = mem_dup(path);
	char found[PATH_MAX];
	char *slash;

	while (!realpath(at, found)) {
		slash = strrchr(at, '/');
		if (!slash || slash == at)
			return arena_dup(arena, "/", 1);
		*slash = '\0';
	}
	return arena_dup(arena, found, strlen(found));
}

static bool is_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return true;
	return strncmp(path, dir, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

/* Up to the directory in which a pattern's first letter stands. */
static char *fixed_part(const char *path)
{
	size_t len = strcspn(path, "%");

	if (path[len])
		while (len > 1 && path[len - 1] != '/')
			len--;
	return mem_dup_n(path, len);
}

static void add_mail(struct planning *p, const char *path)
{
	if (!path)
		return;
	AUTO_FREE char *fixed = fixed_part(path);

	p->mail[p->mail_count++] = real(&p->plan->arena, fixed);
}

static void find_mail(
	struct planning *p, const struct config_account *accounts, size_t count)
{
	p->mail =
		mem_grow(p->mail, p->mail_count + 2 * count, sizeof(*p->mail));
	for (size_t i = 0; i < count; i++) {
		add_mail(p, accounts[i].maildir);
		add_mail(p, accounts[i].inbox);
	}
}

static bool holds_mail(const struct planning *p, const char *dir)
{
	for (size_t i = 0; i < p->mail_count; i++)
		if (is_in(p->mail[i], dir))
			return true;
	return false;
}

/* what: what is there that has to be opened. */
static int keep(struct planning *p, const char *path, bool change,
	const char *what, struct err *err)
{
	struct confine_plan *plan = p->plan;
	const char *dir = real(&plan->arena, path);

	if (holds_mail(p, dir))
		return err_set(err, ERR_USAGE,
			"mail lies in %s too, where %s is (give it a "
			"directory of its own)",
			dir, what);
	plan->keep = mem_grow(plan->keep, plan->count + 1, sizeof(*plan->keep));
	plan->keep[plan->count++] = (struct rights_path){dir, change};
	return 0;
}

/* The directory that holds a file. */
static char *above(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_dup(".");
	return slash == path ? mem_dup("/")
			     : mem_dup_n(path, (size_t)(slash - path));
}

static int keep_medium(struct planning *p, const char *via, struct err *err)
{
	const char *dir = strchr(via, ':') + 1;
	size_t len = strlen(dir);
	struct stat st;

	if (!p->call->daemon && stat(dir, &st) < 0)
		return 0; /* and is not there for this call */
	while (len > 1 && dir[len - 1] == '/')
		len--;
	AUTO_FREE char *plain = mem_dup_n(dir, len);
	AUTO_FREE char *holder = above(plain);

	return keep(p, p->call->daemon ? holder : plain, true, via, err);
}

static int keep_link(struct planning *p, const char *peer,
	const struct config_link *link, struct err *err)
{
	const char *via = link->via;
	bool runs = strncmp(via, "dir:", 4) != 0 &&
		    strncmp(via, "tcp:", 4) != 0 && !via_is_answered(via);

	if (runs || link->before || link->after)
		return err_set(err, ERR_USAGE,
			"%s of peer %s runs a command, which has the rights "
			"that the shipper has",
			runs ? via : "\"before\" or \"after\" of a link", peer);
	return strncmp(via, "dir:", 4) == 0 ? keep_medium(p, via, err) : 0;
}

static int keep_links(struct planning *p, struct err *err)
{
	const struct config *config = p->call->config;
	int rc = 0;

	for (size_t i = 0; i < config->peer_count && rc == 0; i++) {
		const struct config_peer *peer = &config->peers[i];

		for (size_t k = 0; k < peer->link_count && rc == 0; k++)
			rc = keep_link(p, peer->name, &peer->links[k], err);
	}
	return rc;
}

/* What the C library reads: names of hosts, time zones, parts of its own. */
static int keep_system(struct planning *p, struct err *err)
{
	static const char *const reads[] = {"/etc", "/usr", "/lib", "/lib64",
		"/run", "/proc", "/sys/devices/system/cpu", "/dev/urandom",
		"/var/lib/sss"};
	struct stat st;
	int rc = keep(p, "/dev/null", true, "the system", err);

	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]) && rc == 0; i++)
		if (stat(reads[i], &st) == 0)
			rc = keep(p, reads[i], false, "the system", err);
	return rc;
}

int confine_plan(const struct confine_call *call, struct confine_plan *ret,
	struct err *err)
{
	const struct config *config = call->config;
	struct planning p = {call, ret, NULL, 0};

	*ret = (struct confine_plan){0};
	find_mail(&p, config->accounts, config->account_count);
	find_mail(&p, call->accounts, call->account_count);
	int rc = keep(&p, config->state, true, "the state", err);
	if (rc == 0)
		rc = keep_system(&p, err);
	if (rc == 0 && call->output && strcmp(call->output, "-") != 0) {
		AUTO_FREE char *dir = above(call->output);

		rc = keep(&p, dir, true, call->output, err);
	} else if (rc == 0 && !call->answers) {
		rc = keep_links(&p, err);
	}
	if (rc == 0 && call->daemon) {
		AUTO_FREE char *dir = above(config->path);

		rc = keep(&p, dir, false, "the configuration", err);
	}
	if (rc == 0 && call->daemon && config->metrics) {
		AUTO_FREE char *dir = above(config->metrics);

		rc = keep(&p, dir, true, config->metrics, err);
	}
	free(p.mail);
	if (rc < 0)
		confine_plan_free(ret);
	return rc;
}

void confine_plan_free(struct confine_plan *plan)
{
	free(plan->keep);
	arena_free(&plan->arena);
	*plan = (struct confine_plan){0};
}

const char *confine_lacks(
	const struct confine_plan *has, const struct confine_plan *wanted)
{
	for (size_t i = 0; i < wanted->count; i++) {
		const struct rights_path *w = &wanted->keep[i];
		bool may = false;

		for (size_t k = 0; k < has->count && !may; k++)
			may = is_in(w->path, has->keep[k].path) &&
			      has->keep[k].change >= w->change;
		if (!may)
			return w->path;
	}
	return NULL;
}
