/*
 * vectortext: a vector of several accounts, as a line of text.
 *
 *	alice/07c1f1b21403cde6/0fe268845b6c1aea/INBOX-7 …
 *
 * account, origin and incarnation, the log's folder ("INBOX", "account", or its
 * id in hex), and the last lsn that is known. In an account's name what could be
 * taken for something else is %XX. Pure.
 */
#ifndef PB_VECTORTEXT_H
#define PB_VECTORTEXT_H

#include "ident.h"
#include "mem.h"

struct err;

struct vector_entry {
	const char *account;
	struct log_id log;
	uint64_t lsn;
};
/* All zero is a valid empty one. */
struct vector {
	struct vector_entry *entries;
	size_t count;
	struct arena arena;
};

/*
 * Entries are separated by space; the word "vector" may stand before them. What is
 * said of one log twice counts where it is greater.
 * Errors: ERR_USAGE names the entry.
 */
int vector_parse(const char *text, struct vector *ret, struct err *err);
void vector_free(struct vector *v);
/* How far a log is known; 0: not at all. */
uint64_t vector_at(
	const struct vector *v, const char *account, const struct log_id *log);
/* It is known so far at least. */
void vector_raise(struct vector *v, const char *account,
	const struct log_id *log, uint64_t lsn);
void vector_print(const struct vector *v, struct buf *ret);
/* "origin/incarnation/folder" */
void vector_print_log(const struct log_id *log, struct buf *ret);

#endif
