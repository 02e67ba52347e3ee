/*
 * oracle: what users did, and whether what they find is what was promised.
 *
 * It knows nothing of logs, states or parcels. Each mail carries a token; the
 * oracle notes what users did with it at the folder's home, and looks at the
 * mail of every site after every event:
 *
 *	lost     a mail that nobody expunged, or that is to be kept here, is not
 *	         there any more (promise 1)
 *	doubled  there are more of it than users ever made (2)
 *	altered  bytes, a date or, at home, flags that no user gave it (1)
 *	uid      a UID came to mean another message, or a new one lies below
 *	         the UIDNEXT that somebody saw (5)
 *	alarm    an operator is called without need
 *	chatter  something is handed over though nothing happened
 *	silent   "has everything" is said, and it has not (6)
 *	shown    a site has, or is told, what it was never shown (views.h)
 *	unequal  the sites differ after the last exchanges (3), and nothing
 *	         says so (6)
 */
#ifndef PB_ORACLE_H
#define PB_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailserver.h"
#include "views.h"

#define MODEL_WORDS 8

/* One copy of a mail in a folder, as its users left it. */
struct model_mail {
	unsigned token;
	char letters[8];
	char words[MODEL_WORDS][MAIL_KEYWORD]; /* sorted */
	size_t word_count;
	/* What users did to it since was undone by an image. When the state
	   is of an image, too, peers may know what was undone: what they know
	   wins, for the machine is from an old image, and so is its mail. */
	bool undone, loose;
};

struct model_folder {
	char path[MAIL_PATH];
	unsigned home;
	bool subscribed;
	uint64_t bit; /* of the first 64 that were made each has one */
	bool undone, loose;
	struct model_mail *mails;
	size_t count;
};

/* A name that a folder of that home had at some time. */
struct model_name {
	char path[MAIL_PATH];
	unsigned home;
};

struct model_token {
	size_t most;	/* copies at a time, at most */
	bool removed;	/* some copy was expunged by a user */
	bool deleted;	/* a folder that it was in once was */
	uint64_t in;	/* folders, by their bits, that it was in */
	unsigned homes; /* of theirs, by bits */
	int64_t mtime;
};

/* A UID that somebody may have seen. */
struct seen_uid {
	unsigned site;
	char path[MAIL_PATH];
	uint32_t uidvalidity, uid;
	unsigned token;
};
struct seen_next {
	unsigned site;
	char path[MAIL_PATH];
	uint32_t uidvalidity, uidnext; /* at the last look */
	uint32_t selected;	       /* that a client was told */
	bool away;		       /* the folder is not there */
};
struct seen_token {
	unsigned site, token;
};

/* What the users of a home had when an image of it was made. */
struct model_image {
	struct model_folder *folders;
	size_t count;
};

struct oracle {
	struct model_folder *folders;
	size_t folder_count;
	unsigned made; /* folders, so far */
	struct model_name *names;
	size_t name_count;
	struct model_token *tokens; /* by token */
	size_t token_count;
	struct seen_uid *uids;
	size_t uid_count;
	struct seen_next *nexts;
	size_t next_count;
	struct seen_token *present; /* at the last look */
	size_t present_count;
	bool rotten;   /* a date may be wrong, but in the end */
	bool limbo[8]; /* sites whose mail was put back: more may come */
	/* Sites where all that knew what users did was lost: another may be
	   the home of their folders from then on. */
	bool orphaned[8];
	bool forgotten[8]; /* sites that lost their state */
	/* Sites that take nothing away on the word of these, by bits; and
	   those that did once. */
	unsigned keeps[8];
	bool kept[8];
	struct views views;
	char what[16]; /* "": all is well; else a word of the above */
	char why[480];
};

void oracle_init(struct oracle *o);
void oracle_release(struct oracle *o);

/* The body of a token: its number is in it. Into the bag. */
const struct mail_body *oracle_body(struct mailbag *bag, unsigned token);
int64_t oracle_date(unsigned token);

/* ---- what users did ---- */

struct model_folder *model_find(const struct oracle *o, const char *path);
void oracle_create(struct oracle *o, unsigned home, const char *path);
void oracle_delete(struct oracle *o, const char *path);
void oracle_rename(struct oracle *o, const char *from, const char *to);
void oracle_subscribe(struct oracle *o, const char *path, bool value);
void oracle_save(struct oracle *o, const char *path, unsigned token,
	const char *letters);
/* word: "+S", "-S", "+$keyword" … */
void oracle_flag(
	struct oracle *o, const char *path, unsigned token, const char *word);
void oracle_expunge(struct oracle *o, const char *path, unsigned token);
void oracle_copy(
	struct oracle *o, const char *from, unsigned token, const char *to);
void oracle_move(
	struct oracle *o, const char *from, unsigned token, const char *to);
/* The server took back what users did last, as a power cut may: m is how the
   message is now in the folder. */
void oracle_taken_back(struct oracle *o, unsigned site,
	const struct mail_folder *f, const struct mail *m);
/* An image is made of a site; its mail is put back from one. */
void oracle_keep(
	const struct oracle *o, unsigned site, struct model_image *ret);
void oracle_restore(
	struct oracle *o, unsigned site, const struct model_image *image);
/* A site's state is lost, or of an image: folders that were deleted may come
   back, and what an image of the mail undid may be done again. */
void oracle_forget(struct oracle *o, unsigned site);
/* From now on a site takes away, or not, what another expunges. */
void oracle_accept(
	struct oracle *o, unsigned site, unsigned other, bool expunges);
/* Nobody knows any more what users of a site did. */
void oracle_orphan(struct oracle *o, unsigned site);
void model_image_release(struct model_image *image);
bool model_has(const struct oracle *o, const char *path, unsigned token);

/* ---- what must hold ---- */

/* A client opened the folder there. */
void oracle_selected(struct oracle *o, unsigned site,
	const struct mail_server *server, const char *path);
/*
 * Look at a site's mail. calm: no program of the site was stopped in its work
 * since the last one that went through.
 */
void oracle_look(struct oracle *o, unsigned site,
	const struct mail_server *server, bool calm);
/*
 * Is the mail of a home, as far as it concerns the other site, there too?
 * Returns NULL, or what differs (static until the next call).
 */
struct comparison {
	unsigned home, other;
	const struct mail_server *at_home, *there;
	bool uids;
	bool hidden; /* that nothing is there, too, which is out of its view */
};
const char *oracle_compare(const struct oracle *o, const struct comparison *c);
void oracle_fail(struct oracle *o, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
