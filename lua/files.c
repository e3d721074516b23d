/* Files: a policy's sources from disk: one file, or a folder's *.lua in the order of their names.
 */
#include "lua/policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int read_one(const char *path, struct policy_files *files, struct failure *failure)
{
    size_t others = 0;
    for (size_t i = 0; i < files->count; i++) {
        others += files->list[i].text.length;
    }
    if (files->count == POLICY_FILES_MAX) {
        return failure_set(failure, FAILURE_INVALID, "more than %d policy files", POLICY_FILES_MAX);
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        return failure_set(failure, FAILURE_NOT_FOUND, "policy %s: %s", path, strerror(errno));
    }
    struct buffer text;
    buffer_init(&text, POLICY_SOURCE_MAX - others);
    char piece[16384];
    size_t got = 0;
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0 && !text.overflow) {
        buffer_append(&text, piece, got);
    }
    bool failed = ferror(file) != 0, overflow = text.overflow;
    fclose(file);
    if (failed || overflow) {
        buffer_deinit(&text);
        return failure_set(failure, FAILURE_INVALID, "policy %s: %s", path,
                           overflow ? "all files together are over 1 MiB" : "can't be read");
    }
    size_t length = 0;
    char *bytes = buffer_take(&text, &length);
    if (!bytes) {
        bytes = xstrdup("");
    }
    files->list[files->count++] =
        (struct policy_source){slice_of(xstrdup(base_name(path))), slice_make(bytes, length)};
    return 0;
}

static int is_lua(const struct dirent *entry)
{
    struct slice name = slice_of(entry->d_name);
    return entry->d_name[0] != '.' && slice_ends(name, ".lua");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_folder(const char *path, struct policy_files *files, struct failure *failure)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_lua, by_name);
    if (count < 0) {
        return failure_set(failure, FAILURE_NOT_FOUND, "policy %s: %s", path, strerror(errno));
    }
    int result = 0;
    for (int i = 0; i < count; i++) {
        if (result == 0) {
            char *whole = xprintf("%s/%s", path, entries[i]->d_name);
            result = read_one(whole, files, failure);
            free(whole);
        }
        free(entries[i]);
    }
    free(entries);
    if (result == 0 && count == 0) {
        result = failure_set(failure, FAILURE_INVALID, "policy %s: no *.lua in this folder", path);
    }
    return result;
}

int policy_files_read(const char *path, struct policy_files *files, struct failure *failure)
{
    struct stat status;
    *files = (struct policy_files){0};
    if (stat(path, &status) != 0) {
        return failure_set(failure, FAILURE_NOT_FOUND, "policy %s: %s", path, strerror(errno));
    }
    int result = S_ISDIR(status.st_mode) ? read_folder(path, files, failure)
                                         : read_one(path, files, failure);
    if (result != 0) {
        policy_files_free(files);
    }
    return result;
}

void policy_files_free(struct policy_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free((void *)(uintptr_t)files->list[i].name.at);
        free((void *)(uintptr_t)files->list[i].text.at);
    }
    *files = (struct policy_files){0};
}
