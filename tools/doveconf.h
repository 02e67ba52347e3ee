/*
 * doveconf: what Dovecot's configuration says about mail, from the text that
 * `doveconf -n` prints, of 2.3 and 2.4.
 */
#ifndef PB_DOVECONF_H
#define PB_DOVECONF_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

struct err;

#define DOVECONF_TEXT_MAX (1u << 20)

/* One setting. block is "" at the top, else "userdb static/fields". */
struct doveconf_setting {
	const char *block, *key, *value;
};

struct doveconf {
	const char *version; /* "2.3.19.1", "" unknown */
	struct doveconf_setting *settings;
	size_t count;
	struct arena arena;
};

/* Never fails: lines that are no settings are skipped. */
void doveconf_parse(const char *text, size_t len, struct doveconf *ret);
void doveconf_free(struct doveconf *d);

/* The value, or NULL: not set (doveconf -n prints what differs from the
   default). block "" is the top; a block name matches its first word. */
const char *doveconf_get(
	const struct doveconf *d, const char *block, const char *key);

/* Where mail lies, 2.3's mail_location or 2.4's mail_driver and mail_path. */
struct doveconf_mail {
	const char *driver; /* "maildir", "mbox", …; "" not said */
	const char *path;   /* with ~ and %u as written; "" not said */
	const char *control, *index, *inbox; /* NULL not said */
	const char *layout;		     /* "maildir++", "fs", "index" */
	const char *home; /* userdb's, as a pattern; NULL not said */
};
void doveconf_mail(struct doveconf *d, struct doveconf_mail *ret);

/*
 * The names of folders of special use \Trash or \Junk, parts joined by '/', in
 * the arena. Returns how many there are.
 */
size_t doveconf_transient(struct doveconf *d, const char ***ret);

/*
 * A path of Dovecot's as a pattern of ours: ~ and %h become home, %u %n %d
 * and their modified and long forms %u %n %d; with `user` given, the text.
 * Returns: from the arena; NULL if it holds a variable we do not know.
 */
const char *doveconf_path(struct arena *arena, const char *path,
	const char *home, const char *user);

#endif
