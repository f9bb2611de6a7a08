// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The text form of a64run's records: one JSON object a line. */

#include <stdio.h>

#include "machine.h"

/* Takes one line apart into *req, whose pointers then belong to *req: release
   with json_release, also after a failure. -EINVAL and the sentence in *e. */
int json_read(const char *line, struct run_request *req, struct err *e);
void json_release(struct run_request *req);

/* `problem`: the sentence of CAUSE_BAD_RECORD, or NULL. */
void json_write(FILE *f, const struct run_request *req,
                const struct run_result *res, const char *problem);

const char *cause_name(unsigned cause);
