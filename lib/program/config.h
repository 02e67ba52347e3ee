/*
 * config: the configuration file, checked, as plain structs.
 *
 * libConfuse parses; its laxness is closed here: duplicate keys and titles,
 * a missing brace, an unset ${VARIABLE}, an unknown key are errors that name
 * file and line. Account patterns are expanded against the file system when
 * asked for (config_accounts).
 */
#ifndef PB_CONFIG_H
#define PB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "acceptrule.h"
#include "accountmap.h"
#include "budget.h"
#include "mem.h"
#include "window.h"

struct err;
struct os;

enum config_layout { LAYOUT_AUTO, LAYOUT_MAILDIRPP, LAYOUT_FS };

struct config_account {
	const char *name;    /* title; for `accounts`, filled per match */
	const char *maildir; /* path; `accounts`: pattern with %d %n %u */
	const char *control; /* NULL: with the mail */
	const char *index;   /* NULL; named only so that it can be checked */
	const char *inbox;   /* NULL: the root */
	enum config_layout layout;
	bool pattern;
	uid_t uid; /* owner of the Maildir (config_accounts) */
	gid_t gid;
	unsigned guard_percent; /* 50: expunges of more of a folder wait */
	unsigned guard_least;	/* 100: in folders of more messages than this */
	/* But not in folders of these names, or whose last part is one. */
	const char *const *guard_exempt;
	size_t guard_exempt_count;
};

#define HOLD_NONE UINT64_MAX

/* Bytes of a preview (lib/mail/preview.h). */
#define CONFIG_PREVIEW_LEAST 2048u
#define CONFIG_PREVIEW_MOST 65536u

struct config_link {
	const char *name; /* "" for a bare via */
	const char *via;
	int level;	   /* zstd: compression = "fast" (3), "slow" (19) */
	bool sign_only;	   /* nothing there may be made unreadable */
	uint64_t max_file; /* bytes; 0: as the file system says */
	uint64_t hold;	   /* larger bodies do not go here; HOLD_NONE: all do */
	uint32_t preview;  /* bytes of one of each of these; 0: there is none */
	int64_t again_ms;  /* exec: for how long what was sent may have no
			     answer; default 1 day */
	const struct window *windows; /* none: always */
	size_t window_count;
	const char *before, *after; /* commands; NULL: none */
	int64_t every_ms; /* between a daemon's visits; -1: as the carrier
			      needs */
	struct budget budget;
	uint64_t worth;	  /* bytes that have to wait for a call; 0: any */
	int64_t wait_ms;  /* but not for longer; -1: for ever */
	uint64_t rate;	  /* bytes a second that we send; 0: no limit */
	int64_t alive_ms; /* nothing came for so long: is anybody there? 0: is
			     not asked */
};

/* Which way changes go between this site and a peer. */
enum config_changes {
	CHANGES_BOTH,	/* each site sends of the folders it is home of */
	CHANGES_SEND,	/* the peer's changes are refused */
	CHANGES_RECEIVE /* nothing is sent but acknowledgements */
};

/* And what other sites wrote (key "relay"). */
enum config_relay {
	RELAY_NO = 0,
	RELAY_SEND = 1,	   /* is passed on to the peer */
	RELAY_RECEIVE = 2, /* is taken from it */
	RELAY_YES = 3	   /* both */
};

struct config_peer {
	const char *name;
	const char *key; /* key line */
	enum config_changes changes;
	enum config_relay relay;
	struct account_map accounts; /* that it has part in */
	struct accept_rule accept;   /* what it may change here */
	bool follow_key; /* a new key that the old one signed is enough */
	const char *const *send; /* folders that go out: globs; none: all */
	size_t send_count;
	bool oneway;	  /* advances on hand-over, no acknowledgements */
	unsigned overlap; /* oneway: hand-overs that are repeated; default 1 */
	int64_t tables_every_ms; /* oneway: default 7 days; -1: never */
	int64_t late_ms;	/* -1: never (strict standby); default 15 min */
	int64_t state_every_ms; /* default 1 day; -1: with changes only */
	struct config_link *links;
	size_t link_count;
};

struct config {
	const char *path;  /* of the file */
	const char *site;  /* name */
	const char *state; /* directory */
	bool syslog;
	const char *listen;  /* "HOST:PORT" for live links; NULL: nowhere */
	const char *metrics; /* file for Prometheus; NULL: none */
	int64_t trash_age_s; /* default 30 days */
	uint64_t trash_size; /* bytes, default 1 GiB */
	unsigned reserve_percent; /* default 5 */
	int64_t log_keep_ms;	  /* default 30 days; -1: never removed */
	uint64_t log_cap;	  /* bytes; 0: the share below */
	unsigned log_cap_percent; /* of the file system; default 10 */
	struct config_account *accounts; /* as written, patterns included */
	size_t account_count;
	struct config_peer *peers;
	size_t peer_count;
	struct arena arena;
};

/*
 * Find the file: `given` (-c) or $PACKETBOAT_CONF,
 * ~/.config/packetboat/packetboat.conf, /etc/packetboat/packetboat.conf.
 * Errors: ERR_USAGE names all places looked at.
 */
int config_find(const char *given, char **ret, struct err *err);
/* Errors: ERR_USAGE, "FILE:LINE: what is wrong (what to do)". */
int config_load(const char *path, struct config *ret, struct err *err);
void config_free(struct config *c);
/* Is a visit a call, of which one is enough: does something have to be run
   before it or after it, or has it to be worth it? */
bool config_is_call(const struct config_link *link);
/* "20M", to free. */
char *config_size_text(uint64_t size);
/* What is in force, defaults included, as a configuration file. */
void config_print(const struct config *c, struct buf *ret);

/* Is this the via of a live link, "tcp:", "stdio:" or "answer:"? */
bool via_is_live(const char *via);
/* Of one that only the peer calls? */
bool via_is_answered(const char *via);
/*
 * "HOST:PORT", IPv6 addresses in brackets, which are left out. To free.
 * Errors: ERR_USAGE.
 */
int via_tcp_split(
	const char *where, char **ret_host, char **ret_port, struct err *err);

/* The names that guard_exempt has where it is not written. */
const char *const *config_exempt_names(size_t *ret_count);

/*
 * The accounts that there are now: those named, and all that match patterns,
 * each once, sorted by name, uid and gid from the Maildir's owner.
 * An account that is named but has no Maildir is listed all the same; its
 * owner is that of the nearest directory above, or -1 if that is root's.
 * Errors: ERR_USAGE (two patterns give one name to two Maildirs), ERR_IO.
 */
int config_accounts(const struct config *c, struct arena *arena,
	struct config_account **ret, size_t *ret_count, struct err *err);

/*
 * One value as text, of a key or of an option. Returns 0 and the value (ret
 * may be NULL). Errors: ERR_USAGE, "not a size: ..." without the key's name.
 */
int value_size(const char *text, uint64_t *ret, struct err *err); /* "200K" */
/* "10%" or "2G": one of both is set to 0. */
int value_cap(const char *text, uint64_t *ret_size, unsigned *ret_percent,
	struct err *err);
int value_duration_ms(const char *text, bool may_be_never, int64_t *ret,
	struct err *err); /* "15m"; never: -1 */

#endif
