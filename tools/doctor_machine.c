/*
 * doctor_machine: clock, rights, containers, limits, space and owners.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"
#include "err.h"
#include "maildir.h"
#include "os.h"
#include "rights.h"
#include "status_warnings.h"

#define ACCOUNTS_LOOKED_AT 1000
#define WATCHES_PER_FOLDER 3
#define SPACE_LEAST_PERCENT 10
#define LOG_CAP_PERCENT 10u /* of a site that says nothing */

void doctor_clock(struct doctor *d)
{
	struct timex tx = {0};
	int year = status_wrong_year((int64_t)time(NULL) * 1000);

	if (year)
		doctor_refuse(d,
			"the clock says the year %d: flags would be merged by "
			"wrong times. Way out: set the clock (date -s, or an "
			"NTP client)",
			year);
	else if (adjtimex(&tx) < 0 || (tx.status & STA_UNSYNC))
		doctor_warn(d, "the clock is not kept right by NTP: where the "
			       "same flag is changed at two sites, the later "
			       "change by the clocks wins");
	else
		doctor_note(d, "the clock is kept right");
}

void doctor_rights(struct doctor *d)
{
	bool files = rights_files_known(), sockets = rights_sockets_known();

	if (files && sockets)
		doctor_note(d, "this kernel keeps the shipper from opening "
			       "mail (Landlock), the writer and the applier "
			       "from networks (seccomp)");
	if (!files)
		doctor_warn(d, "this kernel cannot keep the shipper from "
			       "opening mail: it has no Landlock, or it is "
			       "switched off. Way out: Linux 5.19 or later "
			       "started with lsm=landlock,..., or the systemd "
			       "units, which do it in other ways");
	if (!sockets)
		doctor_warn(d, "this kernel cannot keep the writer and the "
			       "applier from networks: it has no seccomp "
			       "filters. Way out: the systemd units, which do "
			       "it in other ways too");
}

/* ---- containers ---- */

static bool read_line(const char *path, char *ret, size_t size)
{
	FILE *f = fopen(path, "r");
	bool got = f && fgets(ret, (int)size, f);

	if (f)
		fclose(f);
	if (got)
		ret[strcspn(ret, "\n")] = '\0';
	return got;
}

/* Is that process in our namespace of this kind? Unknown counts as yes. */
static bool same_namespace(long pid, const char *kind)
{
	AUTO_FREE char *theirs = mem_printf("/proc/%ld/ns/%s", pid, kind);
	AUTO_FREE char *ours = mem_printf("/proc/self/ns/%s", kind);
	char a[64] = "", b[64] = "";
	ssize_t a_len = readlink(theirs, a, sizeof(a) - 1);
	ssize_t b_len = readlink(ours, b, sizeof(b) - 1);

	return a_len <= 0 || b_len <= 0 || strcmp(a, b) == 0;
}

/*
 * Dovecot's lock files hold "pid:hostname", and a lock whose pid is dead is
 * overridden: that only works where both see the same pids and host name.
 */
void doctor_containers(struct doctor *d)
{
	static const char way_out[] =
		"its locks on folders would be misjudged. Way out: run "
		"Packetboat where Dovecot runs, with the same pids and host "
		"name";
	const char *base = doveconf_get(&d->dovecot, "", "base_dir");
	AUTO_FREE char *pid_file =
		mem_printf("%s/master.pid", base ? base : "/run/dovecot");
	char line[64], comm[64];
	AUTO_FREE char *comm_file = NULL;
	long pid;

	if (!read_line(pid_file, line, sizeof(line)))
		return;
	pid = strtol(line, NULL, 10);
	comm_file = mem_printf("/proc/%ld/comm", pid);
	if (pid <= 0 || !read_line(comm_file, comm, sizeof(comm)) ||
		strcmp(comm, "dovecot") != 0)
		doctor_warn(d,
			"%s names process %ld, which is no Dovecot that can "
			"be seen from here: if Dovecot runs in another "
			"container, %s",
			pid_file, pid, way_out);
	else if (!same_namespace(pid, "pid") || !same_namespace(pid, "uts"))
		doctor_refuse(
			d, "Dovecot runs in another container: %s", way_out);
	else
		doctor_note(d, "Dovecot runs, with the same pids and host "
			       "name");
}

/* ---- accounts ---- */

static void check_file_system(struct doctor *d, const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return;
	if (fs.f_type == NFS_SUPER_MAGIC)
		doctor_warn(d,
			"%s is on NFS: changes made by other machines are "
			"found by scans only, and all of them must agree on "
			"locks",
			path);
	else if (fs.f_type == MSDOS_SUPER_MAGIC || fs.f_type == 0x2011BAB0)
		doctor_refuse(d,
			"%s is on FAT: it has neither links nor owners. Way "
			"out: keep mail on ext4, xfs or the like",
			path);
}

/* Files of the mail user that belong to another break the mail server. */
static void check_owner(struct doctor *d, const struct config_account *a)
{
	static const char *const names[] = {"cur", "new", "tmp",
		"dovecot-uidlist", "dovecot-keywords", "subscriptions"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		AUTO_FREE char *path =
			mem_printf("%s/%s", a->maildir, names[i]);
		struct stat st;

		if (lstat(path, &st) == 0 && st.st_uid != a->uid)
			doctor_warn(d,
				"%s belongs to uid %u, the Maildir to uid %u: "
				"the mail server may refuse it (chown it)",
				path, st.st_uid, a->uid);
	}
	if (!d->root && a->uid != getuid())
		doctor_warn(d,
			"%s belongs to uid %u: run Packetboat as that "
			"user, or as root",
			a->maildir, a->uid);
}

/* Folders of an account; 0 where it cannot be read. */
static size_t count_folders(struct doctor *d, const struct config_account *a)
{
	static const enum maildir_layout layouts[] = {
		[LAYOUT_AUTO] = MAILDIR_AUTO,
		[LAYOUT_MAILDIRPP] = MAILDIR_PLUSPLUS,
		[LAYOUT_FS] = MAILDIR_FS,
	};
	struct maildir_config mc = {.root = a->maildir,
		.control = a->control,
		.inbox = a->inbox,
		.layout = layouts[a->layout],
		.uid = a->uid,
		.gid = a->gid};
	struct store *store;
	struct store_list list;
	struct err err = ERR_INIT;
	size_t count = 0;

	if (maildir_open(os_real(), &mc, false, &store, &err) < 0) {
		doctor_warn(d, "account %s: %s", a->name, err.text);
		return 0;
	}
	if (store->ops->list(store, &list, &err) < 0) {
		doctor_warn(d, "account %s: %s", a->name, err.text);
	} else {
		count = list.folder_count;
		store_list_free(&list);
	}
	store->ops->close(store);
	return count;
}

static void check_watches(struct doctor *d, size_t folders)
{
	char line[64];
	uint64_t limit = 0, wanted = folders * WATCHES_PER_FOLDER;

	if (read_line("/proc/sys/fs/inotify/max_user_watches", line,
		    sizeof(line)))
		limit = strtoull(line, NULL, 10);
	if (limit && wanted > limit)
		doctor_warn(d,
			"%zu folders want %" PRIu64 " inotify watches, the "
			"limit is %" PRIu64 ": the rest is scanned in turn. "
			"Way out: sysctl fs.inotify.max_user_watches=%" PRIu64,
			folders, wanted, limit, 2 * wanted);
}

void doctor_accounts(
	struct doctor *d, const struct config_account *accounts, size_t count)
{
	size_t folders = 0;
	size_t looked = count < ACCOUNTS_LOOKED_AT ? count : ACCOUNTS_LOOKED_AT;

	if (count == 0)
		doctor_warn(d, "no account matches yet: there is no Maildir "
			       "where the configuration says");
	for (size_t i = 0; i < looked; i++) {
		const struct config_account *a = &accounts[i];

		if (access(a->maildir, F_OK) != 0) {
			doctor_warn(d, "account %s: %s: there is no Maildir",
				a->name, a->maildir);
			continue;
		}
		if (i == 0)
			check_file_system(d, a->maildir);
		check_owner(d, a);
		folders += count_folders(d, a);
	}
	if (looked < count)
		doctor_note(d,
			"%zu accounts; %zu folders in the first %zu of them",
			count, folders, looked);
	else
		doctor_note(d, "%zu account%s; %zu folder%s", count,
			count == 1 ? "" : "s", folders,
			folders == 1 ? "" : "s");
	check_watches(d, looked ? folders * count / looked : 0);
}

/* ---- space ---- */

void doctor_space(struct doctor *d, const char *what, const char *path)
{
	AUTO_FREE char *at = mem_dup(path);
	struct os *os = os_real();
	uint64_t free_bytes, total;
	char *slash;

	/* what is not there yet will be made on its parent's file system */
	while (access(at, F_OK) != 0 && (slash = strrchr(at, '/')) &&
		slash != at)
		*slash = '\0';
	if (os->ops->space(os, at, &free_bytes, &total) < 0 || total == 0)
		return;
	if (free_bytes < total / 100 * SPACE_LEAST_PERCENT)
		doctor_warn(d,
			"%s (%s): %" PRIu64 " MiB free of %" PRIu64
			": below %d%%; nothing is brought in when less than "
			"the reserve (default 5%%) is free",
			what, at, free_bytes >> 20, total >> 20,
			SPACE_LEAST_PERCENT);
	else
		doctor_note(d, "%s (%s): %" PRIu64 " MiB free", what, at,
			free_bytes >> 20);
	if (strcmp(path, d->state) == 0)
		doctor_note(d,
			"the logs may take %" PRIu64
			" MiB of it (log_cap, default %u%%)",
			(total / 100 * LOG_CAP_PERCENT) >> 20, LOG_CAP_PERCENT);
}
