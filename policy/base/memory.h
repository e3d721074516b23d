/* Memory: allocation that can't fail (aborts), arenas, and bounded growing text. */
#pragma once

#include "policy/base/slice.h"

#include <stdarg.h>

/* As malloc & co, but abort with a message when there is no memory. Size 0 gives a valid pointer. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
/* NUL-terminated heap copy; free() it. SLICE_NONE and NULL give "" and NULL. */
char *xslicedup(struct slice s);
char *xstrdup(const char *text);
char *xprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Arena: bump memory, freed as a whole. Results are aligned for any type and live until
 * arena_free or arena_reset. */
struct arena;
struct arena *arena_new(void);
/* As above, for a use known to need about this much: its first block. */
struct arena *arena_new_sized(size_t first_block);
void arena_free(struct arena **arena);
/* Frees everything in it but keeps one block for reuse. */
void arena_reset(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size); /* zeroed */
void *arena_take(struct arena *arena, size_t size);  /* not zeroed: for what is filled at once */
/* Copies; the copy is NUL-terminated behind its length, so .at may be used as a C string. */
struct slice arena_copy(struct arena *arena, struct slice s);
char *arena_text(struct arena *arena, struct slice s);
/* The parts one behind the other; cheaper than arena_printf. */
struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count);
struct slice arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct slice arena_vprintf(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
size_t arena_used(const struct arena *arena); /* bytes handed out since new or reset */

/* Buffer: growing bytes with a stated maximum. Embedded; at most `max` bytes; an append beyond
 * it sets `overflow`, appends nothing and keeps what is there. Always NUL-terminated. */
struct buffer {
    char *at;
    size_t length;
    size_t capacity;
    size_t max;
    bool overflow;
};
void buffer_init(struct buffer *buffer, size_t max);
void buffer_deinit(struct buffer *buffer); /* may be called twice */
void buffer_clear(struct buffer *buffer);  /* length 0, overflow off, memory kept */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length); /* 0, -1 overflow */
int buffer_add(struct buffer *buffer, struct slice s);
int buffer_text(struct buffer *buffer, const char *text);
int buffer_char(struct buffer *buffer, char c);
int buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for `length` more bytes to be written at buffer->at + buffer->length; NULL on overflow. */
char *buffer_reserve(struct buffer *buffer, size_t length);
void buffer_consume(struct buffer *buffer, size_t length); /* drops from the front */
struct slice buffer_slice(const struct buffer *buffer);
/* Moves the bytes out to the caller (free() them); the buffer is empty after. */
char *buffer_take(struct buffer *buffer, size_t *length);
