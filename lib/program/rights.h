/*
 * rights: what a program gives up for itself, and for all that it starts, once
 * it has what it needs. Nothing of it can be taken back.
 */
#ifndef PB_RIGHTS_H
#define PB_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct logger;

/* A file, or a directory with all below it, that may be opened. */
struct rights_path {
	const char *path;
	bool change; /* and written, made, removed; else read only */
};

/*
 * From now on no file can be opened, made or removed but those of `keep`, by
 * whomever this process runs as; what is open stays open. Nor can it mount, or
 * look into processes that have given up less. Paths that are not there are
 * left out. Source: landlock(7).
 * Errors: ERR_ABSENT: this kernel cannot do it (Linux 5.19 on; Landlock may be
 * switched off there): nothing was given up; ERR_IO.
 */
int rights_keep_files(
	const struct rights_path *keep, size_t count, struct err *err);
/*
 * From now on this process can make no socket, nor take one from another
 * process. `datagrams`: it can make those that reach no other machine, for
 * syslog(3) and sd_notify(3). Source: seccomp(2).
 * Errors: as above.
 */
int rights_drop_sockets(bool datagrams, struct err *err);

/* The same for a program that has no business with networks: with datagrams
   where it has to use them. That it cannot be done is said. */
void rights_off_network(struct logger *l);

/* Can this kernel do it? */
bool rights_files_known(void);
bool rights_sockets_known(void);

#endif
