/*
 * status: `packetboat status [--json]`: what this site has, what its peers
 * have said they have, and what waits for whom, as status_look.c gathers it: the
 * tree as it is, or as text for people. Exit code 3 when something needs an
 * operator, so that a monitor need not read the text.
 */
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "front.h"
#include "status_text.h"
#include "status_tree.h"

int command_status(struct front *f, int argc, char **argv)
{
	struct status s = {.code = EXIT_DONE};
	struct err err = ERR_INIT;
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc != 1 && !json)
		return front_usage(f, argv[0]);
	if (status_look(&s, f->config_given, &err) < 0)
		return front_fail(f, &err);
	if (json)
		printf("%s\n", json_object_to_json_string_ext(s.tree,
				       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		status_print(s.tree);
	status_forget(&s);
	return s.code;
}
