/*
 * rights: Landlock for files, by its bare system calls (the C library has
 * none), and a seccomp filter for sockets.
 */
#include "rights.h"
#include "err.h"
#include "mem.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- files ---- */

/* Before the second, no file could be renamed to another directory. */
#define ABI_LEAST 2
#define ABI_TRUNCATE 3

/* Later than the oldest kernel headers that this is compiled with. */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14)

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define OF_FILES                                                               \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
		ACCESS_TRUNCATE)
#define CHANGES                                                                \
	(READS | OF_FILES | LANDLOCK_ACCESS_FS_REMOVE_DIR |                    \
		LANDLOCK_ACCESS_FS_REMOVE_FILE |                               \
		LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |   \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
		LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
		LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

static long files_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION);
}

bool rights_files_known(void)
{
	return files_abi() >= ABI_LEAST;
}

static int keep_one(int rules, uint64_t handled, const struct rights_path *keep,
	struct err *err)
{
	int fd = open(keep->path, O_PATH | O_CLOEXEC);
	struct stat st;
	int rc = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = err_set_os(err, errno, "%s", keep->path);
	} else {
		uint64_t kinds = S_ISDIR(st.st_mode) ? CHANGES : OF_FILES;
		struct landlock_path_beneath_attr rule = {
			.allowed_access = handled & kinds &
					  (keep->change ? CHANGES : READS),
			.parent_fd = fd};

		if (syscall(SYS_landlock_add_rule, rules,
			    LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
			rc = err_set_os(
				err, errno, "Landlock rule: %s", keep->path);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

int rights_keep_files(
	const struct rights_path *keep, size_t count, struct err *err)
{
	long abi = files_abi();
	struct landlock_ruleset_attr handled = {.handled_access_fs = CHANGES};
	int rc = 0;

	if (abi < ABI_LEAST)
		return err_set(err, ERR_ABSENT,
			"this kernel has no Landlock, or it is switched off "
			"(Linux 5.19 or later; lsm=landlock,... at its start)");
	if (abi < ABI_TRUNCATE)
		handled.handled_access_fs &= ~ACCESS_TRUNCATE;
	int rules = (int)syscall(SYS_landlock_create_ruleset, &handled,
		sizeof(handled.handled_access_fs), 0);
	if (rules < 0)
		return err_set_os(err, errno, "Landlock");
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = keep_one(rules, handled.handled_access_fs, &keep[i], err);
	if (rc == 0 &&
		(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			syscall(SYS_landlock_restrict_self, rules, 0) < 0))
		rc = err_set_os(err, errno, "Landlock");
	close(rules);
	return rc;
}

/* ---- sockets ---- */

#define TYPE_MASK 0xfu /* of socket(2): above it are SOCK_CLOEXEC and such */

bool rights_sockets_known(void)
{
	/* It looks whether it can before it looks at what it is given. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 &&
	       errno == EFAULT;
}

static int refuse(scmp_filter_ctx filter, int call)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
}

/* All but AF_UNIX datagrams: a filter knows no "is none of". */
static int refuse_sockets(scmp_filter_ctx filter, bool datagrams)
{
	int r;

	if (!datagrams)
		return refuse(filter, SCMP_SYS(socket));
	struct scmp_arg_cmp other = {
		.arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX};
	r = seccomp_rule_add_array(
		filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, &other);
	for (unsigned type = 0; type <= TYPE_MASK && r == 0; type++) {
		struct scmp_arg_cmp local[] = {
			{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_UNIX},
			{.arg = 1,
				.op = SCMP_CMP_MASKED_EQ,
				.datum_a = TYPE_MASK,
				.datum_b = type}};

		if (type != SOCK_DGRAM)
			r = seccomp_rule_add_array(filter,
				SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2,
				local);
	}
	return r;
}

int rights_drop_sockets(bool datagrams, struct err *err)
{
	/* Rings make sockets without socket(2); the last are hands in the
	   pockets of processes that have some. */
	static const int others[] = {
		SCMP_SYS(socketpair),
		SCMP_SYS(io_uring_setup),
		SCMP_SYS(process_vm_writev),
		SCMP_SYS(pidfd_getfd),
#ifndef PB_LEAKS_CHECKED
		SCMP_SYS(ptrace),
#endif
	};

	if (!rights_sockets_known())
		return err_set(
			err, ERR_ABSENT, "this kernel has no seccomp filters");
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return err_set(err, ERR_IO, "seccomp: no filter");
	int r = seccomp_attr_set(
		filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
	if (r == 0)
		r = refuse_sockets(filter, datagrams);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && r == 0;
		i++)
		r = refuse(filter, others[i]);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r < 0 ? err_set_os(err, -r, "seccomp") : 0;
}

void rights_off_network(struct logger *l)
{
	struct err err = ERR_INIT;

	if (rights_drop_sockets(l->syslog || getenv("NOTIFY_SOCKET"), &err) < 0)
		log_say(l, LOG_LEVEL_INFO,
			"this process could reach the network: %s", err.text);
}
