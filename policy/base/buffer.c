/* Buffer: growing bytes with a stated maximum, so that nothing from outside decides how much
 * memory we use. Declared in memory.h. */
#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static char nothing[1] = "";

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.at = nothing, .max = max};
}

void buffer_deinit(struct buffer *buffer)
{
    if (buffer->capacity)
        free(buffer->at);
    buffer_init(buffer, buffer->max);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->overflow = false;
    if (buffer->capacity)
        buffer->at[0] = '\0';
}

char *buffer_reserve(struct buffer *buffer, size_t length)
{
    size_t wanted, capacity;

    if (length > buffer->max - buffer->length) {
        buffer->overflow = true;
        return NULL;
    }
    wanted = buffer->length + length + 1;
    if (wanted > buffer->capacity) {
        capacity = buffer->capacity ? buffer->capacity : 64;
        while (capacity < wanted)
            capacity *= 2;
        if (capacity > buffer->max + 1 && buffer->max + 1 >= wanted)
            capacity = buffer->max + 1;
        buffer->at = xrealloc(buffer->capacity ? buffer->at : NULL, capacity);
        buffer->capacity = capacity;
        buffer->at[buffer->length] = '\0';
    }
    return buffer->at + buffer->length;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    char *room;

    if (length == 0)
        return 0;
    room = buffer_reserve(buffer, length);
    if (!room)
        return -1;
    memcpy(room, bytes, length);
    buffer->length += length;
    buffer->at[buffer->length] = '\0';
    return 0;
}

int buffer_add(struct buffer *buffer, struct slice s)
{
    return buffer_append(buffer, s.at, s.length);
}

int buffer_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_char(struct buffer *buffer, char c)
{
    return buffer_append(buffer, &c, 1);
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    int length;
    char *room;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    must(length >= 0);
    room = buffer_reserve(buffer, (size_t)length);
    if (!room)
        return -1;
    va_start(arguments, format);
    (void)vsnprintf(room, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
    return 0;
}

void buffer_consume(struct buffer *buffer, size_t length)
{
    must(length <= buffer->length);
    if (length == 0)
        return;
    buffer->length -= length;
    memmove(buffer->at, buffer->at + length, buffer->length + 1);
}

struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_make(buffer->at, buffer->length);
}

char *buffer_take(struct buffer *buffer, size_t *length)
{
    char *bytes = buffer->capacity ? buffer->at : xcalloc(1, 1);

    if (length)
        *length = buffer->length;
    buffer_init(buffer, buffer->max);
    return bytes;
}
