/* kinds: which fields each kind of change has (docs/format.md, Changes). */
#include "kinds.h"

#define BODY (FIELD_BY | FIELD_BODY | FIELD_UID | FIELD_EXTRA | FIELD_ADD)
#define ANYWHERE (PLACE_FOLDER | PLACE_ACCOUNT)

static const struct change_kind_rule rules[] = {
	[CHANGE_SAVE] = {"save", BODY | FIELD_BORN, PLACE_FOLDER},
	[CHANGE_COPY] = {"copy", BODY | FIELD_BORN | FIELD_SOURCE,
		PLACE_FOLDER},
	[CHANGE_MOVE] = {"move", BODY | FIELD_DOT | FIELD_SOURCE, PLACE_FOLDER},
	[CHANGE_LEFT] = {"left", FIELD_BY | FIELD_DOT | FIELD_FOLDER,
		PLACE_FOLDER},
	[CHANGE_FLAGS] = {"flags", FIELD_BY | FIELD_DOT | FIELD_ADD | FIELD_DEL,
		PLACE_FOLDER},
	[CHANGE_EXPUNGE] = {"expunge", FIELD_BY | FIELD_DOT, PLACE_FOLDER},
	[CHANGE_UID] = {"uid", FIELD_BY | FIELD_DOT | FIELD_UID, PLACE_FOLDER},
	[CHANGE_EXTRA] = {"extra", FIELD_BY | FIELD_DOT | FIELD_EXTRA,
		PLACE_FOLDER},
	[CHANGE_UIDNEXT] = {"uidnext", FIELD_BY | FIELD_UID, PLACE_FOLDER},
	[CHANGE_FOLDER] = {"folder", FIELD_BY | FIELD_FOLDER | FIELD_PATH,
		PLACE_ACCOUNT},
	[CHANGE_RENAME] = {"rename", FIELD_BY | FIELD_FOLDER | FIELD_PATH,
		PLACE_ACCOUNT},
	[CHANGE_DELETE] = {"delete", FIELD_BY | FIELD_FOLDER, PLACE_ACCOUNT},
	[CHANGE_SUBSCRIBE] = {"subscribe",
		FIELD_BY | FIELD_FOLDER | FIELD_PATH | FIELD_VALUE,
		PLACE_ACCOUNT},
	[CHANGE_IDENTITY] = {"identity",
		FIELD_BY | FIELD_FOLDER | FIELD_UIDS | FIELD_GUID | FIELD_EXTRA,
		PLACE_ACCOUNT},
	[CHANGE_AUTHORITY] = {"authority",
		FIELD_BY | FIELD_FOLDER | FIELD_AUTHORITY | FIELD_UIDS,
		PLACE_ACCOUNT},
	[CHANGE_MERGE] = {"merge", FIELD_BY | FIELD_FOLDER | FIELD_OTHER,
		PLACE_ACCOUNT},
	[CHANGE_BEGIN] = {"begin", FIELD_BY | FIELD_END, ANYWHERE},
	[CHANGE_GAP] = {"gap", FIELD_BY | FIELD_END | FIELD_GAP, ANYWHERE},
};

const struct change_kind_rule *change_kind_rule(unsigned kind)
{
	if (kind >= sizeof(rules) / sizeof(rules[0]) || !rules[kind].name)
		return NULL;
	return &rules[kind];
}
