/*
 * exit: from errors to exit codes.
 */
#include "err.h"
#include "program.h"

int exit_for(const struct err *err)
{
	switch (err->code) {
	case ERR_NONE:
		return EXIT_DONE;
	case ERR_USAGE:
		return EXIT_WRONG_USAGE;
	case ERR_OPERATOR:
		return EXIT_OPERATOR;
	case ERR_BUSY:
	case ERR_ABSENT: /* a carrier, a medium: it will be there later */
		return EXIT_LATER;
	default:
		return EXIT_FAILED;
	}
}

/* Higher is worse; a code that we do not know is a failure. */
static int badness(int code)
{
	switch (code) {
	case EXIT_DONE:
		return 0;
	case EXIT_LATER:
		return 1;
	case EXIT_OPERATOR:
		return 2;
	case EXIT_WRONG_USAGE:
		return 3;
	default:
		return 4;
	}
}

int exit_worse(int a, int b)
{
	return badness(b) > badness(a) ? b : a;
}
