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

const char *tree_get_text(struct json_object *o, const char *key)
{
	const char *s = json_object_get_string(json_object_object_get(o, key));

	return s ? s : "";
}

uint64_t tree_get_number(struct json_object *o, const char *key)
{
	return json_object_get_uint64(json_object_object_get(o, key));
}

bool tree_get_true(struct json_object *o, const char *key)
{
	return json_object_get_boolean(json_object_object_get(o, key));
}

size_t tree_length(struct json_object *o, const char *key)
{
	struct json_object *a = json_object_object_get(o, key);

	return a ? json_object_array_length(a) : 0;
}

struct json_object *tree_item(struct json_object *o, const char *key, size_t i)
{
	return json_object_array_get_idx(json_object_object_get(o, key), i);
}
