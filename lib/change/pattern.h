/*
 * pattern: a file name as a pattern and the numbers in it (docs/format.md,
 * Names of files). Private to lib/change.
 */
#ifndef PB_CHANGE_PATTERN_H
#define PB_CHANGE_PATTERN_H

#include "change.h"

#define PATTERN_NUMBERS_MAX 8
#define PATTERN_HOLE '/' /* no file name holds one */

/* What a number is expected to be near to. */
enum pattern_near {
	NEAR_LAST, /* the number in the same place of the name before */
	NEAR_SIZE, /* after ",S=" and ",W=" */
	NEAR_MTIME /* at the very start */
};

struct pattern {
	const char *text; /* with a hole for each number; not owned */
	uint64_t numbers[PATTERN_NUMBERS_MAX];
	uint8_t near[PATTERN_NUMBERS_MAX]; /* enum pattern_near */
	uint8_t count;			   /* of numbers */
};

/*
 * Take the numbers out of a name; a name over CHANGE_NAME_MAX is cut.
 * Parameters: text gets the pattern; ret->text points to it.
 */
void pattern_split(
	const char *name, char text[CHANGE_NAME_MAX + 1], struct pattern *ret);

/*
 * Find the holes in a pattern: ret with numbers zero, pointing at text.
 * Returns 0, or -1 if text is no pattern (too long, too many holes).
 */
int pattern_parse(const char *text, struct pattern *ret);

/*
 * Put the numbers back.
 * Returns 0, or -1 if the name is too long or pattern_split would not give
 * this pattern for it (so one name has one pattern).
 */
int pattern_join(const struct pattern *pattern, char name[CHANGE_NAME_MAX + 1]);

#endif
