#include "tree.h"

#include <inttypes.h>
#include <stdio.h>

void tree_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(
		to, key, text ? json_object_new_string(text) : NULL);
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
