/*
 * Much mail: what it costs to find nothing in it, and how much memory one
 * large folder takes. Rows of the state are put there by SQL, as a first
 * import would have left them, because an import takes its time.
 */
#include "scene.h"

#include <fcntl.h>
#include <sys/resource.h>

#define FOLDERS 50
#define PER_FOLDER 4000
#define LARGE 100000
#define NEW_ONES 3000
#define CALLS_PER_FOLDER 12
#define MEMORY_MAX_KB (64 * 1024)

/* A sanitizer takes memory of its own. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

/* ---- mail and rows ---- */

static int64_t folder_row_of(struct scene *s, const char *path, char guid)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct id128 fid = ID_INBOX;

	if (guid)
		memset(&fid, guid, sizeof(fid));
	must(replica_folder_by_fid(s->account.replica, &fid, &arena, &f, &err));
	assert_string_equal(f.p_path, path);
	return f.id;
}

static void run_sql(struct scene *s, const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(replica_db(s->account.replica), text, NULL, NULL,
		    &why) != SQLITE_OK)
		fail_msg("%s: %s", why, text);
}

/* Hard links to one file, which is as good as many; and the UID list. */
static uint64_t fill(struct scene *s, const char *path, int count)
{
	AUTO_FREE char *dir = server_dir(s, path);
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", dir);
	AUTO_FREE char *file = mem_printf("%s/tmp/file", dir);
	FILE *lines = fopen(list, "a");
	struct stat st;

	assert_non_null(lines);
	for (int i = 1; i <= count; i++) {
		char name[64];

		if (i % 50000 == 1) { /* a file system's limit of links */
			unlink(file);
			write_text(file, "w", "12345678");
		}
		snprintf(name, sizeof(name), "1700%06d.M%dP1.vm,S=8,W=8", i, i);
		AUTO_FREE char *to = mem_printf("%s/cur/%s:2,S", dir, name);
		assert_int_equal(link(file, to), 0);
		fprintf(lines, "%d :%s\n", i, name);
	}
	assert_int_equal(fclose(lines), 0);
	assert_int_equal(stat(file, &st), 0);
	unlink(file);
	return st.st_ino;
}

static void fill_rows(struct scene *s, int64_t folder, uint64_t ino, int count)
{
	AUTO_FREE char *text = mem_printf(
		"WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1"
		" FROM n WHERE i < %d), m(i, base) AS (SELECT i,"
		" printf('1700%%06d.M%%dP1.vm,S=8,W=8', i, i) FROM n)"
		" INSERT INTO message(folder, birth_folder, birth_base, base,"
		" size, mtime, hash, letters, uid, p_folder, p_base,"
		" p_letters, p_uid, p_ino) SELECT %lld, %lld, base, base, 8,"
		" 1700000000, zeroblob(20), 'S', i, %lld, base, 'S', i, %llu"
		" FROM m",
		count, (long long)folder, (long long)folder, (long long)folder,
		(unsigned long long)ino);

	run_sql(s, text);
}

static void begin_folder(
	struct scene *s, const char *path, char guid, int count)
{
	int64_t row = folder_row_of(s, path, guid);
	uint64_t ino = fill(s, path, count);

	must(replica_begin(s->account.replica, &err));
	fill_rows(s, row, ino, count);
	must(replica_commit(s->account.replica, &err));
}

/* ---- calls ---- */

struct calls {
	struct scene_os os; /* first: what the scene's clock uses */
	unsigned long count;
};

static struct calls *count(struct os *os, unsigned n)
{
	struct calls *c = (struct calls *)(void *)os;

	c->count += n;
	return c;
}

static int count_open(struct os *os, const char *path, int flags, mode_t mode)
{
	count(os, 1);
	return os_real()->ops->open(os_real(), path, flags, mode);
}

static int count_close(struct os *os, int fd)
{
	count(os, 1);
	return os_real()->ops->close(os_real(), fd);
}

static ssize_t count_pread(
	struct os *os, int fd, void *to, size_t len, int64_t at)
{
	count(os, 1);
	return os_real()->ops->pread(os_real(), fd, to, len, at);
}

static int count_fstat(struct os *os, int fd, struct os_stat *ret)
{
	count(os, 1);
	return os_real()->ops->fstat(os_real(), fd, ret);
}

static int count_lstat(struct os *os, const char *path, struct os_stat *ret)
{
	count(os, 1);
	return os_real()->ops->lstat(os_real(), path, ret);
}

static int count_stat(struct os *os, const char *path, struct os_stat *ret)
{
	count(os, 1);
	return os_real()->ops->stat(os_real(), path, ret);
}

/* open, getdents64 twice, close */
static int count_list(struct os *os, const char *path, struct buf *ret)
{
	count(os, 4);
	return os_real()->ops->list(os_real(), path, ret);
}

static int count_lock(
	struct os *os, int fd, enum os_lock how, int64_t at, int64_t len)
{
	count(os, 1);
	return os_real()->ops->lock(os_real(), fd, how, at, len);
}

/* Every system call that a look which finds nothing may make. */
static void count_calls(struct scene *s, struct calls *c)
{
	*c = (struct calls){.os = s->real};
	c->os.os.ops = &c->os.ops;
	c->os.ops.open = count_open;
	c->os.ops.close = count_close;
	c->os.ops.pread = count_pread;
	c->os.ops.fstat = count_fstat;
	c->os.ops.lstat = count_lstat;
	c->os.ops.stat = count_stat;
	c->os.ops.list = count_list;
	c->os.ops.lock = count_lock;
	s->os = &c->os.os;
	s->store->ops->close(s->store);
	scene_store_open(s);
	account_close(&s->account);
	scene_account_open(s);
}

static void finding_nothing_costs_a_dozen_calls_a_folder(void **state)
{
	struct scene *s = *state;
	struct calls c;

	for (int i = 0; i < FOLDERS - 1; i++) {
		AUTO_FREE char *path = mem_printf("F%02d", i);

		server_folder(s, path, "bcdef"[i % 5]);
		AUTO_FREE char *list =
			mem_printf("%s/.%s/dovecot-uidlist", s->root, path);
		AUTO_FREE char *head = mem_printf(
			"3 V%d N1 G%032x\n", 2000 + i, 0x01010101 * (i + 1));
		write_text(list, "w", head);
	}
	pass(s);
	assert_int_equal(s->rc, 0);
	begin_folder(s, "INBOX", 0, PER_FOLDER);
	for (int i = 0; i < FOLDERS - 1; i++) {
		AUTO_ARENA struct arena arena = {0};
		AUTO_FREE char *path = mem_printf("F%02d", i);
		struct replica_folder f;

		must(replica_folder_by_path(
			s->account.replica, path, &arena, &f, &err));
		uint64_t ino = fill(s, path, PER_FOLDER);
		must(replica_begin(s->account.replica, &err));
		fill_rows(s, f.id, ino, PER_FOLDER);
		must(replica_commit(s->account.replica, &err));
	}
	later(s, 3);
	pass(s);
	if (s->rc < 0)
		fail_msg("%s", s->err.text);
	assert_int_equal(s->result.looked, FOLDERS);
	assert_int_equal(s->result.births, 0);
	later(s, 3);
	pass(s); /* the identity was stated by the last one */
	count_calls(s, &c);
	c.count = 0;
	pass(s);
	assert_int_equal(s->rc, 0);
	assert_int_equal(s->result.looked, 0);
	assert_int_equal(s->result.folders, FOLDERS);
	print_message("%lu calls for %d folders of %d messages\n", c.count,
		FOLDERS, PER_FOLDER);
	assert_true(c.count <= CALLS_PER_FOLDER * FOLDERS);
	s->os = os_real(); /* c goes; scene_end closes what was opened by it */
	account_close(&s->account);
	scene_account_open(s);
	s->store->ops->close(s->store);
	scene_store_open(s);
}

/* ---- memory ---- */

static long peak_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %ld", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* What the SQL above took is not to be counted. */
static void forget_peak(void)
{
	write_text("/proc/self/clear_refs", "w", "5");
}

static void a_folder_of_100000_messages_takes_64_mib_at_most(void **state)
{
	struct scene *s = *state;

	pass(s);
	begin_folder(s, "INBOX", 0, LARGE);
	for (int i = 0; i < NEW_ONES; i++) {
		AUTO_FREE char *name = mem_printf("1800%06d.new:2,S", i);
		AUTO_FREE char *body = mem_printf("%d", i);

		server_file(s, "INBOX", "cur", name, body);
	}
	s->config.give_uids = true;
	later(s, 3);
	forget_peak();
	pass(s);
	if (s->rc < 0)
		fail_msg("%s", s->err.text);
	assert_int_equal(s->result.births, NEW_ONES);
	pass(s);
	assert_int_equal(s->rc, 0);
	print_message("%ld KiB at most\n", peak_kb());
#ifndef __SANITIZE_ADDRESS__ /* its shadow is counted, too */
	assert_true(peak_kb() <= MEMORY_MAX_KB);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_folder_of_100000_messages_takes_64_mib_at_most),
		T(finding_nothing_costs_a_dozen_calls_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
