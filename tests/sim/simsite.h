/*
 * simsite: one site: a machine, a mail server, a key, and what each program
 * of Packetboat does when it runs once, by the same library calls in the same
 * order. Only configuration, messages and processes are left out.
 */
#ifndef PB_SIMSITE_H
#define PB_SIMSITE_H

#include "key.h"
#include "mailserver.h"
#include "simdisk.h"
#include "simmedium.h"

struct account;
struct err;

#define SITES_MAX 7
#define STATE_DIR "/s"
#define BODIES_DIR STATE_DIR "/bodies"
#define ACCOUNT "alice"

#define SIM_RULE 48
#define SIM_ITEMS 16

/* Items of a configuration, with commas between. */
struct sim_rule {
	char text[SIM_RULE];
	char cut[SIM_RULE]; /* the same without commas */
	const char *items[SIM_ITEMS];
	size_t count;
};

struct sim_peer {
	bool known;
	bool sends, takes; /* what "changes" says of this peer here */
	bool relays;	   /* what "relay" does: yes */
	struct sim_rule
		accept; /* the others as their keys say: "" everything */
	struct sim_rule view;
	bool settled; /* something was handed over since that changed */
	bool oneway;  /* it never answers, or is never answered */
};

/* Within this a site states each folder, though nothing happens there. */
#define SIM_STATE_S INT64_C(3600)

struct sim_site {
	char name[4];
	struct simdisk *disk;
	struct mail_server mail;
	struct key_pair key;
	struct sim_peer peers[SITES_MAX]; /* by number of the site */
	bool retains;			  /* its writer removes old logs */
	int64_t keep_s;			  /* after so long; below 0: never */
	int64_t patience_s;		  /* for word of what was collected */
	int level;			  /* zstd */
	const struct sim_site *sites;	  /* all of them */
	/* Of the last run: its exit code, and what it said. */
	int code;
	char said[512];
	uint64_t handed; /* bundles */
};

/* name: one letter. seed: of the machine; the key is made of the name. */
void simsite_init(struct sim_site *s, const char *name,
	const struct sim_site *sites, struct mailbag *bag, uint64_t seed);
void simsite_release(struct sim_site *s);

/* The rule's items become what its text says. "-" is no item. */
void simrule_cut(struct sim_rule *rule);

/* For the parts of programs: what they say, and with what they open. */
void simsite_begin(struct sim_site *s);
void simsite_say(struct sim_site *s, int code, const char *text);
void simsite_fail(struct sim_site *s, const struct err *err);
int simsite_open(
	struct sim_site *s, bool create, struct account *ret, struct err *err);

/* The programs. What they would have said and their exit code stay in s. */
void simsite_write(struct sim_site *s);
void simsite_collect(
	struct sim_site *s, size_t peer, struct sim_medium *medium);
void simsite_hand_over(
	struct sim_site *s, size_t peer, struct sim_medium *medium);
void simsite_apply(struct sim_site *s);
/* packetboat resend */
void simsite_resend(struct sim_site *s, size_t peer);
void simsite_scan(struct sim_site *s);

/*
 * In the state, behind everybody's back: a register of one of the messages
 * that are placed there in folders of another home. Returns false: there is
 * none.
 */
bool simsite_rot(struct sim_site *s, uint64_t n);

/* Does its state know any folder that is at home at this site? */
bool simsite_knows(struct sim_site *s, uint64_t origin);

/* Does the state of one of two machines with one key know all logs as far as
   the other, and nothing else in their place? */
bool simsite_contains(struct sim_site *one, struct sim_site *other);

/* What `packetboat status` says. */
struct sim_status {
	bool begun;	/* there is a state */
	bool operator_; /* exit code 3: somebody has to do something */
	bool failed;	/* the state cannot be read */
	char why[512];
	/* Of one peer, as far as it has said: */
	uint64_t lag;	    /* changes it does not know */
	uint64_t unapplied; /* that it knows and has not placed */
	uint64_t wanted;    /* bodies it asks for */
	/* here: */
	uint64_t awaited, todo, parked, late;
};
void simsite_status(struct sim_site *s, size_t peer, struct sim_status *ret);

#endif
