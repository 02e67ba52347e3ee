#include "arrived.h"

#include <string.h>

#include "err.h"

static int record(const struct handover_config *config, struct account *a,
	const struct arrived_log *logs, size_t log_count,
	const struct arrived_body *bodies, size_t body_count, struct err *err)
{
	struct os *os = config->os;
	uint64_t sequence = (uint64_t)(os->ops->wall_ns(os) / 1000000);
	uint64_t peer = config->peer->origin;
	int rc = replica_begin(a->replica, err);

	for (size_t i = 0; i < log_count && rc >= 0; i++) {
		struct replica_sent sent = {
			sequence, logs[i].log, logs[i].lsn, logs[i].chain};

		if (strcmp(logs[i].account, a->name) == 0)
			rc = replica_sent_add(a->replica, peer, config->link,
				&replica_sent_live, &sent, err);
	}
	for (size_t i = 0; i < body_count && rc >= 0; i++)
		if (strcmp(bodies[i].account, a->name) == 0)
			rc = replica_sent_body(a->replica, peer, config->link,
				&replica_sent_live, sequence, &bodies[i].hash,
				err);
	return rc < 0 ? rc : replica_commit(a->replica, err);
}

static bool speaks_of(const char *account, const struct arrived_log *logs,
	size_t log_count, const struct arrived_body *bodies, size_t body_count)
{
	for (size_t i = 0; i < log_count; i++)
		if (strcmp(logs[i].account, account) == 0)
			return true;
	for (size_t i = 0; i < body_count; i++)
		if (strcmp(bodies[i].account, account) == 0)
			return true;
	return false;
}

int arrived_record(const struct handover_config *config,
	const struct arrived_log *logs, size_t log_count,
	const struct arrived_body *bodies, size_t body_count, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < config->account_count && rc >= 0; i++) {
		const char *name = config->accounts[i];
		struct account a;

		if (!speaks_of(name, logs, log_count, bodies, body_count))
			continue;
		rc = account_open(&a, config->os, config->state_dir, name,
			config->self->pub.origin, false, err);
		if (rc < 0)
			break;
		rc = record(
			config, &a, logs, log_count, bodies, body_count, err);
		account_close(&a);
	}
	return rc < 0 ? rc : 0;
}
