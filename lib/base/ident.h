/*
 * ident: the names of logs and of what is in them (design.md section 1).
 *
 * A log is known by (origin, incarnation, folder); a place in it by lsn. A
 * message's dot is the log and lsn of the save or copy that brought it into
 * being. A write id says who wrote a register last; write ids are totally
 * ordered, by stamp first.
 */
#ifndef PB_IDENT_H
#define PB_IDENT_H

#include <stdbool.h>
#include <stdint.h>

struct id128 {
	uint8_t b[16];
};

/* All zero: the account log. */
#define ID_ACCOUNT ((struct id128){{0}})
/* INBOX has the same id at every site. */
#define ID_INBOX ((struct id128){{'I', 'N', 'B', 'O', 'X'}})

struct log_id {
	uint64_t origin;      /* site, from its public key */
	uint64_t incarnation; /* one unbroken history of that site */
	struct id128 folder;
};

struct dot {
	struct log_id log;
	uint64_t lsn; /* 0: no dot */
};

/* Who wrote a register: the register keeps the greatest. */
struct write_id {
	uint64_t stamp; /* hybrid clock: 48 bits ms since 1970, 16 counter */
	struct log_id log;
	uint64_t lsn;
};

/* How far one log is known. */
struct position {
	struct log_id log;
	uint64_t lsn;   /* last known; 0: nothing */
	uint64_t chain; /* chain value there (docs/format.md, Frame) */
};

bool id_equal(const struct id128 *a, const struct id128 *b);
int id_cmp(const struct id128 *a, const struct id128 *b);
bool id_is_account(const struct id128 *id);
int log_id_cmp(const struct log_id *a, const struct log_id *b);
int dot_cmp(const struct dot *a, const struct dot *b);
/* (stamp, origin, incarnation, lsn), then folder: -1, 0, 1. */
int write_id_cmp(const struct write_id *a, const struct write_id *b);
/* Do both stand at one place of one log? */
bool write_id_is_at(const struct write_id *a, const struct write_id *b);

#define STAMP_MS(stamp) ((stamp) >> 16)
#define STAMP_OF(ms, counter) (((uint64_t)(ms) << 16) | (uint64_t)(counter))

#define ID_HEX 33
void id_hex(const struct id128 *id, char ret[ID_HEX]);
int id_from_hex(const char *hex, struct id128 *ret); /* 0, or -1 */

#endif
