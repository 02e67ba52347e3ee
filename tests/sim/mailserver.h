/*
 * mailserver: one user's mail as a server keeps it, in memory: folders with
 * messages, their UIDs, flags, keywords, and a list of subscriptions.
 *
 * Users work here; Packetboat comes in through simstore.h. What a real server
 * makes durable at once (mail that was accepted, UID lists, folders) is; that
 * flags changed and mail was expunged is not before Packetboat syncs the
 * folder, and a power cut may take it back.
 *
 * Everything is a plain struct of fixed size or an array of such, so that a
 * whole server is copied by copying arrays: an image of last week.
 */
#ifndef PB_MAILSERVER_H
#define PB_MAILSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ident.h"
#include "store.h"

#define MAIL_NAME 112 /* base names, with the NUL */
#define MAIL_PATH 160 /* folders */
#define MAIL_KEYWORD 24
#define MAIL_EXTRA 160

/* The bytes of mail, each once, for all sites; never changed. */
struct mail_body {
	uint64_t number; /* from 1 */
	size_t len;
	uint8_t *data;
	unsigned token; /* whose mail it is; 0: nobody wrote this */
};
struct mailbag {
	struct mail_body **bodies;
	size_t count;
};
/* The one with these bytes, added if there is none. Lives as long as bag. */
struct mail_body *mailbag_take(
	struct mailbag *bag, const void *data, size_t len);
void mailbag_free(struct mailbag *bag);

struct mail {
	char base[MAIL_NAME];
	char letters[8]; /* sorted */
	uint32_t keywords;
	uint32_t uid; /* 0: no line in the UID list yet */
	char extra[MAIL_EXTRA];
	uint64_t ino;
	const struct mail_body *body;
	int64_t mtime, ctime_ns;
	bool in_new;
};

/* A line of the UID list without a message. */
struct mail_line {
	char base[MAIL_NAME];
	uint32_t uid;
};

struct mail_folder {
	char path[MAIL_PATH];
	uint64_t ino;
	uint32_t uidvalidity, uidnext;
	struct id128 guid;
	char extra[MAIL_EXTRA];
	char keywords[STORE_KEYWORDS_MAX][MAIL_KEYWORD]; /* "": unused */
	struct mail *mails;				 /* sorted by base */
	size_t count;
	struct mail_line *lines; /* sorted by base */
	size_t line_count;
	uint64_t version; /* another one whenever anything changed */
	int64_t changed_ns;
};

/* What a power cut may take back: how a message was before. */
struct mail_undo {
	uint64_t folder; /* its ino */
	bool expunged;
	struct mail was;
};

struct mail_server {
	struct os *os; /* clock, randomness, files of bodies; not owned */
	struct mailbag *bag;
	const char *host; /* in base names */
	bool has_marker;
	struct id128 marker;
	struct mail_folder *folders; /* in the order in which they were made */
	size_t folder_count;
	char (*subscribed)[MAIL_PATH]; /* sorted */
	size_t subscribed_count;
	struct mail_undo *undo;
	size_t undo_count;
	struct mail *trash; /* what Packetboat removed */
	size_t trash_count;
	uint64_t next_ino, next_version, delivered;
	uint32_t next_uidvalidity;
	uint64_t
		hidden; /* counts down; mail that is opened at 1 is not found */
	unsigned locked; /* Packetboat holds a folder's lock: users wait */
	/* What Packetboat did and a server would refuse; "": nothing. */
	char complaint[256];
};

/* With an empty INBOX. */
void mail_server_init(struct mail_server *s, struct os *os, struct mailbag *bag,
	const char *host, uint32_t uidvalidity);
void mail_server_release(struct mail_server *s);
/* to is uninitialized or released. The copy works with another machine. */
void mail_server_copy(
	struct mail_server *to, const struct mail_server *from, struct os *os);
/*
 * Put an image back as a backup program does: new inodes, and versions that
 * were never seen.
 */
void mail_server_restore(
	struct mail_server *s, const struct mail_server *image);

/* ---- for users; false or NULL where there is nothing to do it to ---- */

struct mail_folder *mail_folder_find(
	const struct mail_server *s, const char *path);
struct mail *mail_find(const struct mail_folder *f, unsigned token);

bool mail_create(struct mail_server *s, const char *path);
bool mail_delete(struct mail_server *s, const char *path);
/* With its children. */
bool mail_rename(struct mail_server *s, const char *from, const char *to);
bool mail_subscribe(struct mail_server *s, const char *path, bool value);

/* numbered: by an MDA that has the lock; else the server does it later. */
bool mail_save(struct mail_server *s, const char *path,
	const struct mail_body *body, const char *letters, int64_t mtime,
	bool in_new, bool numbered);
bool mail_letter(struct mail_server *s, const char *path, unsigned token,
	char letter, bool value);
/* false, too, where all 26 letters of keywords are taken. */
bool mail_keyword(struct mail_server *s, const char *path, unsigned token,
	const char *name, bool value);
bool mail_expunge(struct mail_server *s, const char *path, unsigned token);
bool mail_copy(struct mail_server *s, const char *from, unsigned token,
	const char *to);

/*
 * Somebody opens the folder: mail without a UID gets one, lines without mail
 * are forgotten and their UIDs burned, new mail is new no more.
 */
bool mail_select(struct mail_server *s, const char *path);

/*
 * The power is cut: what was not synced may be as it was before. Of each
 * message that is so, fn is told how it is now.
 */
typedef void mail_taken_back_fn(
	void *arg, const struct mail_folder *f, const struct mail *m);
void mail_server_cut(struct mail_server *s, uint64_t seed,
	mail_taken_back_fn *fn, void *arg);

/* ---- for simstore.c ---- */

struct mail *mail_by_base(const struct mail_folder *f, const char *base);
/* A copy is added; returns it. */
struct mail *mail_add(struct mail_folder *f, const struct mail *m);
void mail_remove(struct mail_folder *f, struct mail *m);
struct mail_line *mail_line_find(const struct mail_folder *f, const char *base);
void mail_line_add(struct mail_folder *f, const char *base, uint32_t uid);
void mail_line_remove(struct mail_folder *f, struct mail_line *line);
/* Something in it changed just now. */
void mail_touch(struct mail_server *s, struct mail_folder *f);
struct mail_folder *mail_folder_add(struct mail_server *s, const char *path);
void mail_folder_remove(struct mail_server *s, struct mail_folder *f);
/* What users did to the folder is durable from now on. */
void mail_synced(struct mail_server *s, const struct mail_folder *f);
bool mail_is_below(const char *path, const char *parent);
/* The number of a keyword, given to it if `make`; -1: there is none. */
int mail_keyword_number(
	struct mail_folder *f, const char *name, size_t len, bool make);
void mail_text(char *to, size_t room, const char *from);

#endif
