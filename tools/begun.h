/*
 * begun: whether there is anything of an account to look at.
 */
#ifndef PB_BEGUN_H
#define PB_BEGUN_H

#include <stdbool.h>

struct site;

/*
 * False where nothing was logged or received yet. A state that is empty is
 * one that a kill left while it was being made, and the next run makes it, if
 * there is no log beside it; with a log it was cut short, and counts.
 */
bool account_begun(const struct site *s, const char *name);

#endif
