/*
 * config_grant: what a peer is granted, from its block of the configuration.
 */
#ifndef PB_CONFIG_GRANT_H
#define PB_CONFIG_GRANT_H

#include <confuse.h>

#include "config.h"

/* One account of the key "accounts". Errors: ERR_USAGE. */
int config_grant_check(const char *text, struct err *err);
/* One item of the key "accept". Errors: ERR_USAGE. */
int config_accept_check(const char *text, struct err *err);
/* One folder of the key "send", or "accept". Errors: ERR_USAGE. */
int config_send_check(const char *text, struct err *err);
/*
 * Read what the block says into the peer. Values were checked one by one.
 * Errors: ERR_USAGE, without the block's name.
 */
int config_grant_load(cfg_t *sec, struct config *c, struct config_peer *peer,
	struct err *err);

#endif
