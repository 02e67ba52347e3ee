#include "damage.h"

#include "sql.h"

const char *damage_text(enum damage damage)
{
	static const char *const texts[] = {
		"is whole",
		"its bytes are not those it had",
		"is gone, and nobody removed it",
		"cannot be read",
		"its date is not the one it had",
		"is taken as it is",
	};

	return (size_t)damage < sizeof(texts) / sizeof(*texts) ? texts[damage]
							       : "is damaged";
}

bool damage_wants_body(enum damage damage)
{
	return damage == DAMAGE_BYTES || damage == DAMAGE_MISSING ||
	       damage == DAMAGE_UNREADABLE;
}

bool damage_keeps(const struct replica_message *m)
{
	return !m->dead && m->damage && m->damage != DAMAGE_ACCEPTED;
}

int damage_set(struct replica *r, int64_t message, enum damage damage,
	int64_t ctime_ns, int64_t now_ms, struct err *err)
{
	return sql_run(r, err,
		"UPDATE message SET damage = ?1, damage_ctime = ?2,"
		" damage_ms = iif(damage = 0, ?3, damage_ms) WHERE id = ?4",
		"iiii", (int64_t)damage, ctime_ns, now_ms, message);
}

int damage_accept(struct replica *r, int64_t folder, struct err *err)
{
	int rc = sql_run(r, err,
		"UPDATE message SET damage = ? WHERE damage <> 0"
		" AND p_folder = ?",
		"ii", (int64_t)DAMAGE_ACCEPTED, folder);

	/* What is gone is found absent at the next look. */
	if (rc >= 0)
		rc = sql_run(r, err,
			"UPDATE folder SET cookie_good = 0 WHERE id = ?", "i",
			folder);
	return rc;
}
