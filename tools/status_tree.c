#include "status_tree.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "program.h"

void tree_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

void tree_number(struct json_object *to, const char *key, uint64_t n)
{
	json_object_object_add(to, key, json_object_new_uint64(n));
}

void tree_true(struct json_object *to, const char *key, bool value)
{
	json_object_object_add(to, key, json_object_new_boolean(value));
}

void tree_hex(struct json_object *to, const char *key, uint64_t n)
{
	char hex[17];

	snprintf(hex, sizeof(hex), "%016" PRIx64, n);
	tree_text(to, key, hex);
}

struct json_object *tree_array(struct json_object *in, const char *key)
{
	struct json_object *a = json_object_object_get(in, key);

	if (!a) {
		a = json_object_new_array();
		json_object_object_add(in, key, a);
	}
	return a;
}

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
