/* Memory: the one place where running out of memory is handled (it ends the program), the arena
 * that frees a whole request at once, and growing buffers that state their maximum. */
#include "policy/base/memory.h"

#include "policy/base/failure.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_FIRST 4096
#define BLOCK_MAX   (256 * 1024)
#define ALIGNMENT   16

static void *checked(void *memory, size_t size)
{
    if (!memory) {
        fprintf(stderr, "out of memory: %zu bytes were wanted\n", size);
        abort();
    }
    return memory;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size ? size : 1), size);
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1), size);
}

void *xrealloc(void *old, size_t size)
{
    return checked(realloc(old, size ? size : 1), size);
}

char *xslicedup(struct slice s)
{
    char *copy;

    if (!s.at)
        return NULL;
    copy = xmalloc(s.length + 1);
    memcpy(copy, s.at, s.length);
    copy[s.length] = '\0';
    return copy;
}

char *xstrdup(const char *text)
{
    return xslicedup(slice_of(text));
}

char *xprintf(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    return checked(text, 0);
}

/* ---- arena ---- */

struct block {
    struct block *next; /* older ones */
    size_t capacity, used;
    _Alignas(ALIGNMENT) char bytes[];
};

struct arena {
    struct block *blocks; /* newest first; only the newest is filled */
    size_t used;
    size_t first_block;
};

struct arena *arena_new(void)
{
    struct arena *arena = xcalloc(1, sizeof(*arena));

    arena->first_block = BLOCK_FIRST;
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

struct arena *arena_new_sized(size_t first_block)
{
    struct arena *arena = arena_new();

    arena->first_block = first_block;
    return arena;
}

void arena_free(struct arena **arena)
{
    if (!*arena)
        return;
    free_blocks((*arena)->blocks);
    free(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena)
{
    if (arena->blocks) {
        free_blocks(arena->blocks->next);
        arena->blocks->next = NULL;
        arena->blocks->used = 0;
        /* A block made for one large body is not kept for the small requests that follow. */
        if (arena->blocks->capacity > BLOCK_MAX) {
            free(arena->blocks);
            arena->blocks = NULL;
        }
    }
    arena->used = 0;
}

static void add_block(struct arena *arena, size_t size)
{
    size_t capacity = arena->blocks ? arena->blocks->capacity * 2 : arena->first_block;
    struct block *block;

    if (capacity > BLOCK_MAX)
        capacity = BLOCK_MAX;
    if (capacity < size)
        capacity = size;
    block = xmalloc(sizeof(*block) + capacity);
    block->capacity = capacity;
    block->used = 0;
    block->next = arena->blocks;
    arena->blocks = block;
}

static void *take(struct arena *arena, size_t size)
{
    void *memory;

    must(size < SIZE_MAX - ALIGNMENT);
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!arena->blocks || arena->blocks->capacity - arena->blocks->used < size)
        add_block(arena, size);
    memory = arena->blocks->bytes + arena->blocks->used;
    arena->blocks->used += size;
    arena->used += size;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *memory = take(arena, size ? size : 1);

    memset(memory, 0, size);
    return memory;
}

void *arena_take(struct arena *arena, size_t size)
{
    return take(arena, size ? size : 1);
}

struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count)
{
    size_t length = 0;
    char *text, *to;

    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    text = to = take(arena, length + 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length)
            memcpy(to, parts[i].at, parts[i].length);
        to += parts[i].length;
    }
    *to = '\0';
    return slice_make(text, length);
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
    char *copy = take(arena, s.length + 1);

    if (s.length)
        memcpy(copy, s.at, s.length);
    copy[s.length] = '\0';
    return slice_make(copy, s.length);
}

char *arena_text(struct arena *arena, struct slice s)
{
    char *copy = take(arena, s.length + 1);

    if (s.length)
        memcpy(copy, s.at, s.length);
    copy[s.length] = '\0';
    return copy;
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    struct slice text;

    va_start(arguments, format);
    text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

struct slice arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    int length;
    char *text;

    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    must(length >= 0);
    text = take(arena, (size_t)length + 1);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    return slice_make(text, (size_t)length);
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
