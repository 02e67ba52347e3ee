/*
 * continuity: is this state the one that was written last?
 *
 * The state notes when its own file was made (where no file system says so, its
 * inode, which may be given out again) and the machine's id. A state directory
 * from a backup, or copied to another machine, has another file, or finds
 * itself elsewhere: what it says may be old, and somebody else may go on with
 * the other one. Lsns that it would give next may have been given. So, before
 * anything is logged, a new incarnation begins, whose first record names the
 * end of the one before, and the state joins (lib/replica/joining.h): what it
 * wrote and does not know any more comes back from its peers. For a state that
 * was only moved that costs one exchange.
 */
#include <string.h>

#include "joining.h"
#include "pass.h"

#define MACHINE_ID "/etc/machine-id"
/* In meta. */
#define STATE_FILE "state file"
#define MACHINE "machine"

struct whereabouts {
	int64_t file;	     /* what tells it from a copy */
	const char *machine; /* "": not known */
};

const char *pass_system_line(
	struct pass *p, const char *path, struct arena *arena)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct err none = ERR_INIT;

	if (file_read(p->account->os, path, 64, &text, &none) < 0)
		return "";
	return arena_dup(
		arena, buf_str(&text), strcspn(buf_str(&text), "\r\n"));
}

static int look_around(struct pass *p, struct arena *arena,
	struct whereabouts *ret, struct err *err)
{
	struct os *os = p->account->os;
	AUTO_FREE char *path = mem_printf("%s/state.db", p->account->dir);
	struct os_stat st;
	int rc = os->ops->lstat(os, path, &st);

	if (rc < 0)
		return err_set_os(err, -rc, "%s", path);
	rc = os->ops->birth(os, path, &ret->file);
	if (rc < 0)
		return err_set_os(err, -rc, "%s", path);
	if (!ret->file)
		ret->file = (int64_t)st.ino;
	ret->machine = pass_system_line(p, MACHINE_ID, arena);
	return 0;
}

static int begin_anew(struct pass *p, struct err *err)
{
	struct replica *r = p->replica;
	struct log_id account_log = {
		replica_origin(r), replica_incarnation(r), ID_ACCOUNT};
	struct change begin = pass_change(p, CHANGE_BEGIN, 0, 0);
	struct replica_log before;
	int rc = replica_log_get(r, &account_log, true, &before, err);

	begin.end = before.known;
	if (rc >= 0)
		rc = replica_incarnation_new(r, err);
	if (rc >= 0)
		rc = pass_put(p, &ID_ACCOUNT, &begin, err);
	if (rc >= 0 && p->config->answering_count)
		rc = joining_begin(r, p->now_ms, err);
	p->result->begun_anew = true;
	return rc;
}

int pass_continuity(struct pass *p, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct whereabouts now;
	const char *machine;
	int64_t file = 0;
	int rc = look_around(p, &arena, &now, err);

	if (rc >= 0)
		rc = replica_meta_get(p->replica, STATE_FILE, &file, err);
	if (rc >= 0)
		rc = replica_text_get(
			p->replica, MACHINE, &arena, &machine, err);
	if (rc < 0)
		return rc;
	bool moved = file && file != now.file;
	bool elsewhere =
		*machine && *now.machine && strcmp(machine, now.machine) != 0;
	bool noted = file && (*machine || !*now.machine);
	if (noted && !moved && !elsewhere)
		return 0;
	rc = moved || elsewhere ? begin_anew(p, err) : 0;
	if (rc >= 0)
		rc = replica_meta_set(p->replica, STATE_FILE, now.file, err);
	if (rc >= 0 && *now.machine)
		rc = replica_text_set(p->replica, MACHINE, now.machine, err);
	return rc < 0 ? rc : pass_commit(p, err);
}
