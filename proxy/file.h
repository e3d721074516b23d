/* File: reads a whole file of the operator's into memory. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

/* Appends the file's bytes to `text`, which bounds them by its maximum. INVALID "PATH: why".
 * Blocks. */
int file_read(const char *path, struct buffer *text, struct failure *failure) MUST_CHECK;
