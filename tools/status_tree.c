#include "status_tree.h"

#include <stdarg.h>
#include <stdio.h>

#include "program.h"

uint64_t status_age_s(const struct status *s, int64_t ms)
{
	return ms && ms < s->now_ms ? (uint64_t)(s->now_ms - ms) / 1000 : 0;
}

void status_needs_operator(struct status *s, const char *fmt, ...)
{
	char text[900];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_object_array_add(
		tree_array(s->tree, "operator"), json_object_new_string(text));
	s->code = exit_worse(s->code, EXIT_OPERATOR);
}
