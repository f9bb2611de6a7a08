// SPDX-License-Identifier: Apache-2.0
/* Prints the API as the code's tables have it, for the test that compares them
   with docs/compatibility.md: METHOD, path, the body's fields. */

#include <stdio.h>

#include "api/api_impl.h"

static void print_fields(const struct json_schema *schema)
{
    for (size_t n = 0; schema && n < schema->num_fields; n++)
        printf("%s%s", n ? "," : "", schema->fields[n].name);
}

int main(void)
{
    for (size_t n = 0; n < num_routes; n++) {
        const struct route *r = &routes[n];

        printf("%s /%s%s%s%s ", http_method_name(r->method), r->name,
               r->flags & ROUTE_ID ? "/{id}" : "", r->sub && *r->sub ? "/" : "",
               r->sub ? r->sub : "");
        print_fields(r->schema);
        printf("\n");
    }
    return 0;
}
