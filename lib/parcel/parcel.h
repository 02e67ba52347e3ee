/*
 * parcel: what the shipper hands over, sealed for one peer.
 *
 *   parcel  = magic version | sender origin | recipient origin | nonce |
 *             XChaCha20-Poly1305( codec | [raw size] | sections )
 *           | magic version | sender origin | recipient origin |
 *             codec | [raw size] | sections | Ed25519 signature
 *   section = type | varint length | bytes            (docs/format.md, Parcel)
 *
 * The key comes from both static keys (X25519, then BLAKE2b over the shared
 * secret and both public keys, sender first), so that sender and recipient are
 * proven and a parcel cannot be turned round; the clear header is
 * authenticated too. Order when opening, never another: size cap, header,
 * addressed to us, sender known, authenticate and decrypt, bounded
 * decompress, parse. A parcel is opened whole or not at all.
 *
 * Bodies of any size travel in pieces, so a parcel is bounded.
 */
#ifndef PB_PARCEL_H
#define PB_PARCEL_H

#include "hash.h"
#include "ident.h"
#include "key.h"
#include "mem.h"

struct err;

#define PARCEL_RAW_MAX (16u << 20) /* bytes of sections, uncompressed */
#define PARCEL_SEALED_MAX (PARCEL_RAW_MAX + 65536u)
#define PARCEL_ACCOUNT_MAX 255u
#define PARCEL_SECTIONS_MAX 65536u /* in one parcel */

enum parcel_level {
	PARCEL_FAST = 3, /* zstd level for a fast link */
	PARCEL_SLOW = 19 /* with a 4 MiB window, for a slow one */
};

/*
 * Seal sections (the concatenation made by parcel_add_*) for a peer; append
 * the parcel to ret. Stored uncompressed where zstd does not gain.
 * Errors: ERR_LIMIT (over PARCEL_RAW_MAX or PARCEL_SECTIONS_MAX), ERR_AUTH
 * (the peer's key is unusable).
 */
int parcel_seal(struct os *os, const struct key_pair *self,
	const struct key_public *peer, const void *sections, size_t len,
	int level, struct buf *ret, struct err *err);

/*
 * The same for a carrier on which nothing may be made unreadable (amateur
 * radio): signed by us for that peer, and for everybody to read. The peer takes
 * it only if it expects such (key_public.may_sign). Errors: ERR_LIMIT.
 */
int parcel_sign(const struct key_pair *self, const struct key_public *peer,
	const void *sections, size_t len, int level, struct buf *ret,
	struct err *err);

/*
 * A live link proves by itself whom it is from and for (lib/link): there only
 * the *contents* of a parcel travel, without envelope. Pack: sections to
 * contents, appended to ret; the same give the same bytes. Errors: ERR_LIMIT.
 */
int parcel_pack(const void *sections, size_t len, int level, struct buf *ret,
	struct err *err);
/*
 * Put contents that came from a peer on such a link into the parcel that it
 * would have sealed for us: both have the key. Nothing of them is looked at.
 * Errors: ERR_LIMIT, ERR_AUTH (the peer's key is unusable).
 */
int parcel_reseal(struct os *os, const struct key_pair *self,
	const struct key_public *peer, const void *contents, size_t len,
	struct buf *ret, struct err *err);

/* What the clear header says; nothing in it is proven. */
struct parcel_header {
	uint64_t sender, recipient;
	bool is_signed; /* and not sealed */
};
#define PARCEL_PEEK 96u /* so many bytes of its beginning are enough */
/* Errors: ERR_TORN, ERR_CORRUPT (not a parcel), ERR_LIMIT (newer version). */
int parcel_peek(const void *data, size_t len, struct parcel_header *ret,
	struct err *err);

/*
 * Open a parcel of exactly len bytes from one of the known peers, of which
 * several may be keys of one origin. former: NULL, or what key_load_both gave:
 * the key before ours, for which it may have been sealed.
 * Returns 0, the sender's index in peers, and the sections appended to ret.
 * Errors: ERR_AUTH: not for us ("sealed for another site"), unknown sender
 * ("sealed by an unknown key"), not authentic, or signed where the peer's key
 * does not say that it may be; ERR_CORRUPT; ERR_LIMIT.
 */
int parcel_open(const struct key_pair *self, const struct key_pair *former,
	const struct key_public *peers, size_t peer_count, const void *data,
	size_t len, size_t *ret_peer, struct buf *ret, struct err *err);

/* ---- sections ---- */

enum parcel_section_type {
	PARCEL_CHANGES = 1,
	PARCEL_BODY = 2,
	PARCEL_ACK = 3,
	PARCEL_STATEMENT = 4,
	PARCEL_COMPARE = 5, /* what is wanted to go on with a comparison */
	PARCEL_SKETCH = 6,
	PARCEL_TABLE = 7,
	PARCEL_ROWS = 8, /* what differs, and what is asked for */
	PARCEL_JOIN = 9,
	PARCEL_BRIEF = 11, /* changes, to a site that joins and has the mail */
	PARCEL_KEYS = 12,
	PARCEL_PREVIEW = 13 /* of a body that the sender holds back */
};

/* A position handed over before, by the low half of its chain value. */
struct parcel_end {
	uint64_t lsn;
	uint32_t chain;
};
#define PARCEL_ENDS_MAX 64u

/*
 * Changes of one log from one position to another: whoever knows the log at
 * least up to `from` and has applied this knows it up to `to`. But only if what
 * it knows is this very history: where it stands between the two, at one of
 * `ends`, its chain value tells.
 *
 * A peer that nobody can ask says so: what was lost before `from` does not come
 * by itself. And where it hands over again what it handed over before, as it is
 * in its state now, it says how far its log goes: who knows no more than that
 * takes it though it is known.
 */
struct parcel_changes {
	const char *account;
	struct position from, to;      /* same log; chain values at both ends */
	const struct parcel_end *ends; /* between the two, lsns ascending */
	size_t end_count;
	bool unasked;		/* the sender hears no acknowledgement */
	bool part;		/* not all of it: of folders that the recipient
				   is shown */
	uint64_t again;		/* unasked: where its log ends; 0: not again */
	uint64_t base_ms;	/* stamps inside are relative to it */
	uint64_t first_lsn;	/* context of the coding */
	const uint8_t *payload; /* lib/change columns */
	size_t len;
	/* BRIEF: what travels with births that were left blank
	   (lib/compare/brief.h); else NULL. */
	const uint8_t *brief;
	size_t brief_len;
};

/*
 * A piece of a body. A whole one (offset 0, len == size) travels without its
 * hash: the reader computes it. Bytes that do not hash to the name given
 * travel with the name, for the reader to see.
 */
struct parcel_body {
	struct hash hash;
	uint64_t size;	 /* of the whole body */
	uint64_t offset; /* of this piece */
	const uint8_t *data;
	size_t len;
};

/*
 * What the sender of the parcel knows and lacks, for one account. Ordered by
 * (incarnation, count) of the one who acknowledges: an older one is ignored.
 */
struct parcel_ack_entry {
	struct position durable; /* known and durable */
	uint64_t applied;	 /* lsn up to which it is in the mail store;
				    not above durable.lsn */
};
struct parcel_want {
	struct hash hash;
	uint64_t offset; /* "from where"; at most INT64_MAX */
	bool previewed;	 /* a preview of it is here */
};
/*
 * A message of a folder of the recipient's that has another UID at the sender,
 * because it came late: the one that it was to have could not be given any more.
 */
struct parcel_late {
	struct id128 folder; /* not the account log's */
	uint32_t uidnext;    /* of that folder, at the sender; one a folder */
	struct dot dot;	     /* its lsn not 0 */
	uint32_t uid;	     /* that it was to have; not 0 */
};
#define PARCEL_LATE_MAX 4096u

/*
 * Of incarnation 0, which no state has: the account is not there, and what is
 * sent of it is left out; or it is there now.
 */
#define PARCEL_ACK_REFUSED 1u
#define PARCEL_ACK_WELCOME 2u
struct parcel_ack {
	const char *account;
	uint64_t incarnation; /* of the acknowledging account state */
	uint64_t count;
	struct parcel_ack_entry *entries;
	size_t entry_count;
	struct parcel_want *wants;
	size_t want_count;
	bool wants_more; /* perhaps: what is there was not looked through */
	struct parcel_late *late; /* by folder and dot, ascending */
	size_t late_count;
	bool relays; /* what others wrote is taken from the recipient, too, and
			the entries say how far their logs are known */
};

/*
 * What the sender's state of an account holds at one vector: whoever knows
 * just that vector must hold the same.
 */
struct parcel_stated {
	struct id128 folder; /* not the account log's */
	uint64_t messages;
	uint64_t digest; /* its first 8 bytes, as a number */
};
struct parcel_statement {
	const char *account;
	uint64_t vector; /* a hash of it (docs/format.md, Parcel) */
	struct parcel_stated *folders; /* by id, ascending */
	size_t count;		       /* at least 1 */
};

/*
 * Two sites compare a folder (docs/format.md, Comparison). Four sections with
 * one beginning; `seed` names the comparison, and is that of its keys.
 */
enum parcel_compare_kind {
	PARCEL_COMPARE_EXACT = 1, /* rows are what adds to the digest */
	PARCEL_COMPARE_CONTENT =
		2 /* rows are mails, whatever is known of them */
};
#define PARCEL_SEED_SIZE 16u

/* Numbers first … last, at least one apart from the next. */
struct parcel_run {
	uint64_t first, last;
};
/* Lsns of one log. */
struct parcel_lsns {
	struct log_id log;
	struct parcel_run *runs; /* ascending */
	size_t count;		 /* at least 1 */
};

struct parcel_compare {
	const char *account;
	struct id128 folder;
	enum parcel_compare_kind kind;
	uint8_t seed[PARCEL_SEED_SIZE];
	bool doubt; /* the sender's registers are not what its sums say */
	bool equal; /* ROWS: nothing was found to differ */
	bool last;  /* ROWS: nothing more is owed that was asked for */
	/* COMPARE: either symbols 0 … symbols - 1, or a table with these
	   columns (lib/compare/statetable.h); and whose UIDs the sender has. */
	uint32_t symbols, columns;
	uint64_t term, authority;
	uint32_t uidvalidity;
	/* ROWS: asked for, by key (ascending, none twice) or UID. */
	const uint64_t *keys;
	size_t key_count;
	const struct parcel_run *uids;
	size_t uid_count;
	/* ROWS: expunged, and nobody knows any more by whom. By log. */
	const struct parcel_lsns *dead;
	size_t dead_count;
	/* ROWS: changes, each of a writer of its own; what their coding is
	   relative to. No payload: none. */
	struct log_id context;
	uint64_t base_ms;
	/* SKETCH, TABLE: as lib/compare codes it; ROWS: lib/change columns */
	const uint8_t *payload;
	size_t len;
};

/*
 * A state that was lost, or may be an older one, joins again: it asks to be
 * told what its peers know, and logs nothing before. A peer answers by handing
 * over its own changes, and those that the asker wrote itself in earlier
 * incarnations, without bodies; behind them it says how far these reach, and
 * which mails were expunged. Who has the mail asks to be told in brief (section
 * BRIEF), and which births are to come whole all the same.
 */
#define PARCEL_GONE_MAX 65536u
enum parcel_join_what {
	PARCEL_JOIN_ASKS = 1,
	PARCEL_JOIN_ANSWERS = 2, /* and that was all */
	PARCEL_JOIN_GOES_ON = 3, /* more of the answer follows */
	PARCEL_JOIN_ASKS_BRIEF = 4
};
struct parcel_join {
	const char *account;
	enum parcel_join_what what;
	uint64_t incarnation; /* the asker's */
	bool relays;	      /* asks: also for what others wrote */
	/* Asks: what is known of the asker's earlier logs. Answers: what is
	   known when all is taken. */
	struct position *positions;
	size_t position_count;
	/* Answers: content_id of expunged mails; ascending; of how many. */
	const struct id128 *gone;
	size_t gone_count; /* at most PARCEL_GONE_MAX */
	uint64_t gone_total;
	/* Asks in brief: what is to come whole. By log. */
	const struct parcel_lsns *whole;
	size_t whole_count;
};
/* Is it a question? Else an answer. */
bool parcel_join_asks(const struct parcel_join *j);

/*
 * A site that changes its key says so, until its peers have answered that they
 * seal for the new one and take nothing of what is before `retired`. What is
 * said is nothing without a look at the signatures (key_change_check).
 */
struct parcel_keys {
	bool says;	 /* the sender of its own keys: */
	uint8_t retired; /* those with a lower serial are no more */
	const struct key_change *change; /* NULL: none is under way */
	bool answers;			 /* and of the recipient's: */
	uint8_t uses;	 /* the serial of the one it seals for */
	uint8_t refuses; /* it takes none with a lower serial */
};

/*
 * A mail that tells of one whose body is too large for a link, to be seen where
 * that is awaited (lib/mail/preview.h). Of which message it is the body says.
 */
#define PARCEL_PREVIEW_MAX 65536u
struct parcel_preview {
	const char *account;
	struct hash held;    /* the body that waits */
	const uint8_t *data; /* the whole mail */
	size_t len;	     /* 1 to PARCEL_PREVIEW_MAX */
};

struct parcel_section {
	enum parcel_section_type type;
	union {
		struct parcel_changes changes;
		struct parcel_body body;
		struct parcel_ack ack;
		struct parcel_statement statement;
		struct parcel_compare compare;
		struct parcel_join join;
		struct parcel_keys keys;
		struct parcel_preview preview;
	};
};

/*
 * Append a section. `sender` is the sealing site's origin: log ids of its own
 * are written short. Changes with something in `brief` are of type BRIEF.
 */
void parcel_add_changes(
	struct buf *b, uint64_t sender, const struct parcel_changes *c);
void parcel_add_body(struct buf *b, const struct parcel_body *body);
void parcel_add_ack(
	struct buf *b, uint64_t sender, const struct parcel_ack *ack);
/* before: the section just before it, if that is of changes; else NULL. What
   the two have in common is written once. */
void parcel_add_statement(struct buf *b, const struct parcel_changes *before,
	const struct parcel_statement *s);

/* type: PARCEL_COMPARE, SKETCH, TABLE or ROWS. */
void parcel_add_compare(struct buf *b, uint64_t sender,
	enum parcel_section_type type, const struct parcel_compare *c);

void parcel_add_join(
	struct buf *b, uint64_t sender, const struct parcel_join *j);

/* It says or answers something. */
void parcel_add_keys(struct buf *b, const struct parcel_keys *k);

void parcel_add_preview(struct buf *b, const struct parcel_preview *p);

struct parcel_sections {
	struct parcel_section *items;
	size_t count;
	struct arena arena; /* account names, ack entries, folders stated;
			       payloads and body pieces point into the data
			       given */
};
/* Parse all sections, everything checked. Errors: ERR_CORRUPT, ERR_LIMIT. */
int parcel_parse(uint64_t sender, const void *data, size_t len,
	struct parcel_sections *ret, struct err *err);
void parcel_sections_free(struct parcel_sections *s);

#endif
