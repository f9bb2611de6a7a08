// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the files of the JSON reader share, and nobody else needs. */

#include "api/json.h"

/* The byte at hand, or -1; take consumes it. */
int json_byte(const struct json_reader *r);
int json_take(struct json_reader *r);

/* true, false or null; the first letter was seen, not consumed. */
int json_literal(struct json_reader *r);

/* The opening quote is consumed. */
int json_string_body(struct json_reader *r);
int json_skip_string_body(struct json_reader *r);

bool json_is_number(const struct json_reader *r); /* begins with it, at least */

/* A sign or a digit was seen, not consumed. skip checks the form alone. */
int json_number(struct json_reader *r, struct json_number *out);
int json_skip_number(struct json_reader *r);

bool json_is_utf8(const char *text, size_t len);
