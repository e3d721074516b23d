/* Address: path.* and cidr.*: paths and networks compared by meaning, not by text. */
#include "lua/sandbox.h"
#include "lua/text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* Appends one component of an absolute path; ".." takes one away again. */
static size_t add_component(char *clean, size_t length, const char *part, size_t part_length)
{
    if (part_length == 0 || (part_length == 1 && part[0] == '.')) {
        return length;
    }
    if (part_length == 2 && part[0] == '.' && part[1] == '.') {
        while (length > 0 && clean[length - 1] != '/') {
            length--;
        }
        return length > 0 ? length - 1 : 0;
    }
    clean[length++] = '/';
    memcpy(clean + length, part, part_length);
    return length + part_length;
}

/* Writes the absolute `path` without ".", ".." and double slashes to clean[length + 1]; its length.
 * By text only: symbolic links are the agent's to check. */
static size_t clean_path(const char *path, size_t length, char *clean)
{
    size_t at = 0, out = 0;
    while (at < length) {
        size_t end = at;
        while (end < length && path[end] != '/') {
            end++;
        }
        out = add_component(clean, out, path + at, end - at);
        at = end + 1;
    }
    if (out == 0) {
        clean[out++] = '/';
    }
    return out;
}

/* Pushes the clean form of argument `index`; false (nothing pushed) when it is not absolute. */
static bool push_clean(lua_State *state, int index)
{
    size_t length;
    const char *path = luaL_checklstring(state, index, &length);
    luaL_argcheck(state, length <= 4096, index, "longer than 4096 bytes");
    if (length == 0 || path[0] != '/') {
        return false;
    }
    char clean[4096 + 2];
    lua_pushlstring(state, clean, clean_path(path, length, clean));
    return true;
}

static int path_clean(lua_State *state)
{
    if (!push_clean(state, 1)) {
        lua_pushnil(state);
    }
    return 1;
}

/* path.within(path, folder): the folder itself or something below it. */
static int path_within(lua_State *state)
{
    bool result = false;
    if (push_clean(state, 1) && push_clean(state, 2)) {
        size_t length, folder_length;
        const char *path = lua_tolstring(state, -2, &length);
        const char *folder = lua_tolstring(state, -1, &folder_length);
        bool root = folder_length == 1;
        result = root || (length >= folder_length && memcmp(path, folder, folder_length) == 0 &&
                          (length == folder_length || path[folder_length] == '/'));
    }
    lua_pushboolean(state, result);
    return 1;
}

/* Reads "10.0.0.0/8" or an address alone: its bytes (4 or 16), 0 when it is none. */
static size_t read_network(const char *text, unsigned char *bytes, unsigned *bits)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof(address)) {
        return 0;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    size_t size = inet_pton(AF_INET, address, bytes) == 1    ? 4
                  : inet_pton(AF_INET6, address, bytes) == 1 ? 16
                                                             : 0;
    *bits = (unsigned)size * 8;
    if (slash) {
        char *end = NULL;
        unsigned long number = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end || number > *bits || slash[1] == '-' || slash[1] == '+') {
            return 0;
        }
        *bits = (unsigned)number;
    }
    return size;
}

/* cidr.has(network, address) */
static int cidr_has(lua_State *state)
{
    unsigned char network[16], address[16];
    unsigned bits = 0, address_bits = 0;
    size_t network_size = read_network(luaL_checkstring(state, 1), network, &bits);
    if (network_size == 0) {
        return luaL_argerror(state, 1, "no network like 10.0.0.0/8");
    }
    size_t size = read_network(luaL_checkstring(state, 2), address, &address_bits);
    bool result = size == network_size && memcmp(network, address, bits / 8) == 0;
    if (result && bits % 8 != 0) {
        unsigned mask = 0xffU << (8 - bits % 8) & 0xffU;
        result = ((network[bits / 8] ^ address[bits / 8]) & mask) == 0;
    }
    lua_pushboolean(state, result);
    return 1;
}

void text_open_addresses(lua_State *state)
{
    lua_newtable(state);
    lua_pushcfunction(state, path_clean);
    lua_setfield(state, -2, "clean");
    lua_pushcfunction(state, path_within);
    lua_setfield(state, -2, "within");
    lua_setglobal(state, "path");
    lua_newtable(state);
    lua_pushcfunction(state, cidr_has);
    lua_setfield(state, -2, "has");
    lua_setglobal(state, "cidr");
}
