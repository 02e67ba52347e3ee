/* statetable: which parts of a table belong to which column. */
#include "statetable_private.h"

const unsigned statetable_parts[PART_COUNT] = {
	[PART_UID_STARTS] = STATETABLE_UID,
	[PART_UID_LENGTHS] = STATETABLE_UID,
	[PART_DOT_COUNTS] = 0,
	[PART_DOT_LOGS] = 0,
	[PART_DOTS] = 0,
	[PART_WRITE_COUNTS] = STATETABLE_WRITES,
	[PART_WRITE_NAMES] = STATETABLE_WRITES,
	[PART_WRITE_LOGS] = STATETABLE_WRITES,
	[PART_WRITE_LSNS] = STATETABLE_WRITES,
	[PART_WRITE_MS] = STATETABLE_WRITES,
	[PART_WRITE_COUNTERS] = STATETABLE_WRITES,
	[PART_LIVING_COUNTS] = STATETABLE_LIVING,
	[PART_LIVING_STARTS] = STATETABLE_LIVING,
	[PART_LIVING_LENGTHS] = STATETABLE_LIVING,
};

bool statetable_is_letter(const char *name)
{
	return name[0] == '\\' && name[1] && !name[2];
}
