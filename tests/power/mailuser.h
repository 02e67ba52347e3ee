/*
 * mailuser: a mail server and its user on a simulated disk: Maildir++, UID
 * lists, changed as Dovecot changes them: a mail is put in place, then its line
 * is appended to the UID list. It fsyncs a mail before it shows it, and nothing
 * else: renames, links, unlinks and lines of UID lists may be rolled back or
 * torn by a power cut. (Dovecot waits for a line unless told not to.)
 *
 * Calls that the disk refuses end silently: a power cut is on its way.
 */
#ifndef PB_MAILUSER_H
#define PB_MAILUSER_H

#include "os.h"

struct mailuser {
	struct os *os;
	const char *root;
	unsigned mails; /* delivered so far */
};

/* What a user has at first (trip 0), and then does (1): all kinds of changes.
 */
#define MAILUSER_TRIPS 2
void mailuser_trip(struct mailuser *u, int trip);

/* A new folder; INBOX: its directory is made, too. */
void mailuser_folder(struct mailuser *u, const char *folder);
/*
 * After a power cut: a folder that lost its UID list gets a new one, as the
 * server makes it when somebody opens the folder; its mails have no UIDs then.
 */
void mailuser_heal(struct mailuser *u);
/*
 * The disk of this Maildir lied: every UID list lacks its last line, and its
 * UIDNEXT is what it was before.
 */
void mailuser_lose_lines(struct mailuser *u);
/* Returns the number that names the mail from now on. flags NULL: new/. */
unsigned mailuser_deliver(
	struct mailuser *u, const char *folder, size_t size, const char *flags);
void mailuser_flags(struct mailuser *u, const char *folder, unsigned mail,
	const char *flags);
void mailuser_copy(
	struct mailuser *u, const char *from, unsigned mail, const char *to);
void mailuser_move(
	struct mailuser *u, const char *from, unsigned mail, const char *to);
void mailuser_expunge(struct mailuser *u, const char *folder, unsigned mail);
/* With its children. */
void mailuser_rename(struct mailuser *u, const char *from, const char *to);
/* There, and without mail? */
bool mailuser_is_empty(struct mailuser *u, const char *folder);
void mailuser_delete(struct mailuser *u, const char *folder);
/* The whole file, a line each; names of letters, and of subscriptions. */
void mailuser_keywords(
	struct mailuser *u, const char *folder, const char *text);
void mailuser_subscriptions(struct mailuser *u, const char *text);

#endif
