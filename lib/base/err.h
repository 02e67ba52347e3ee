/*
 * err: how a function says what went wrong.
 *
 * A function that can fail returns int: below 0 an error code, 0 done, above 0
 * a named success. It takes `struct err *err` last, filled once where it
 * fails; callers add the outer noun with err_wrap and return. The text reads
 * outside in: "apply 42.changes: frame 7: length 4294967295 over limit".
 * A code means an action, not a place.
 */
#ifndef PB_ERR_H
#define PB_ERR_H

enum err_code {
	ERR_NONE = 0,
	ERR_IO = -1,       /* the system refused: retry later or stop */
	ERR_TORN = -2,     /* ends too early: wait, or cut back */
	ERR_CORRUPT = -3,  /* damaged: quarantine, never use */
	ERR_USAGE = -4,    /* wrong command or configuration */
	ERR_CONFLICT = -5, /* the world is not as assumed: look again */
	ERR_AUTH = -6,     /* not proven to be from whom it says: refuse */
	ERR_BUSY = -7,     /* somebody else holds the lock: later */
	ERR_LIMIT = -8,    /* over a documented limit: refuse */
	ERR_ABSENT = -9,   /* not there */
	ERR_OPERATOR = -10 /* needs a person's decision: exit code 3 */
};

struct err {
	int code;      /* enum err_code; ERR_NONE when nothing failed */
	int os_errno;  /* errno value where the system refused, else 0 */
	char text[512];
};

#define ERR_INIT ((struct err){.code = ERR_NONE})

/*
 * Fill err with code and text. err may be NULL (nobody asked).
 * Returns: code, so that a failing function can `return err_set(...)`.
 */
int err_set(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The same for a failed system call: ERR_IO (ERR_ABSENT for ENOENT and
 * ENOTDIR, ERR_BUSY for EAGAIN/EWOULDBLOCK), text followed by ": " and the
 * system's words. os_errno is a positive errno value.
 */
int err_set_os(struct err *err, int os_errno, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put an outer noun and ": " before err's text. Returns err's code. */
int err_wrap(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
