/*
 * confine: which files a shipper has to be able to open, and that mail is not
 * among them.
 */
#ifndef PB_CONFINE_H
#define PB_CONFINE_H

#include <stdbool.h>

#include "config.h"
#include "mem.h"
#include "rights.h"

struct confine_call {
	const struct config *config;
	const struct config_account *accounts; /* that there are now */
	size_t account_count;
	bool daemon;	    /* reads its configuration again, and has media come
			       and go */
	bool answers;	    /* --stdio: no link of its own is used */
	const char *output; /* --output; NULL: none */
};

struct confine_plan {
	struct rights_path *keep;
	size_t count;
	struct arena arena;
};

/*
 * What to keep (rights_keep_files). Returns 0 and the plan, to be freed.
 * Errors: ERR_USAGE: mail can be opened all the same, and why: nothing is
 * wrong, but this shipper cannot be confined.
 */
int confine_plan(const struct confine_call *call, struct confine_plan *ret,
	struct err *err);
void confine_plan_free(struct confine_plan *plan);

/*
 * May a shipper that was confined by one plan do what another wants? If not:
 * a path that it may not open as it has to.
 */
const char *confine_lacks(
	const struct confine_plan *has, const struct confine_plan *wanted);

#endif
