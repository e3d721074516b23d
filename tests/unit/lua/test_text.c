/* Text: the sandbox's string functions give what Lua's own would. Each case is an expression that
 * must be true. */
#include "tests/unit/lua/fixture.h"

static const char *const truths[] = {
    "('hello'):find('l') == 3",
    "select(2, ('hello'):find('l+')) == 4",
    "('a.b'):find('.', 1, true) == 2",
    "('hello'):find('xyz') == nil",
    "('hello'):find('', 10) == nil",
    "('hello'):find('l', -2) == 4",
    "('key = value'):match('^(%w+)%s*=%s*(%w+)$') == 'key'",
    "select(2, ('key = value'):match('^(%w+)%s*=%s*(%w+)$')) == 'value'",
    "('2026-06-02'):match('(%d+)%-(%d+)') == '2026'",
    "('f(a(b)c)d'):match('%b()') == '(a(b)c)'",
    "('THE (quick) fox'):find('%f[%a]%a+%f[%A]') == 1",
    "('hello'):match('()ll()') == 3",
    "('abcabc'):match('(abc)%1') == 'abc'",
    "('x'):match('^x?y?$') == 'x'",
    "('aaa'):match('^a-$') == 'aaa'",
    "('[]'):match('[]]') == ']'",
    "('a-z'):match('[a%-]+') == 'a-'",
    "('hello world'):gsub('o', '0') == 'hell0 w0rld'",
    "select(2, ('hello world'):gsub('o', '0')) == 2",
    "('hello'):gsub('', '-') == '-h-e-l-l-o-'",
    "('abc'):gsub('%w', '%0%0') == 'aabbcc'",
    "('abc'):gsub('%w', '%%') == '%%%'",
    "('$a $b'):gsub('%$(%w+)', { a = '1' }) == '1 $b'",
    "('abc'):gsub('b', function(c) return c:upper() end) == 'aBc'",
    "('abc'):gsub('^a', 'x') == 'xbc'",
    "('aaa'):gsub('a', 'b', 2) == 'bba'",
    "('ab'):rep(3) == 'ababab' and ('x'):rep(0) == '' and ('x'):rep(-1) == ''",
    "('Abc'):lower() == 'abc' and ('abc'):sub(2, -1) == 'bc' and #('abc') == 3",
    "('%d-%s'):format(3, 'x') == '3-x' and ('a'):byte() == 97 and string.char(98) == 'b'",
    "table.concat({ 1, 'b', 3 }, ',') == '1,b,3' and table.concat({}) == ''",
    "tonumber('12') == 12 and tonumber('ff', 16) == 255 and tonumber('x') == nil",
    "tonumber(('1'):rep(500)) == nil and tonumber({}) == nil",
    "select('#', unpack({ 1, 2, 3 })) == 3",
    "str.prefix('node-1', 'node') and not str.prefix('x', 'node') and str.suffix('a.lua', '.lua')",
    "str.glob('node-12', 'node-*') and str.glob('Debian', '/(?i)debian/')",
    "not str.glob('x', 'y')",
    "#str.split('a,b,,c', ',') == 4 and str.split('', ',')[1] == ''",
    "str.capture('r12-node', '^(r%d+)%-') == 'r12' and str.capture('x', 'y') == nil",
    "path.within('/srv/a/b', '/srv/a') and path.within('/srv/a', '/srv/a')",
    "not path.within('/srv/ab', '/srv/a') and not path.within('/srv/a/../b', '/srv/a')",
    "not path.within('srv', '/srv') and path.within('/x', '/')",
    "path.clean('/a//b/./c/../d/') == '/a/b/d' and path.clean('/..') == '/'",
    "path.clean('relative') == nil",
    "cidr.has('10.0.0.0/8', '10.1.2.3') and not cidr.has('10.0.0.0/8', '11.0.0.1')",
    "cidr.has('10.1.2.128/25', '10.1.2.200') and not cidr.has('10.1.2.128/25', '10.1.2.1')",
    "cidr.has('fd00::/8', 'fd12::1') and not cidr.has('fd00::/8', '10.0.0.1')",
    "not cidr.has('10.0.0.0/8', 'nonsense')",
    "KiB == 1024 and MiB == 1048576 and GiB == 1073741824",
    "now().hour == 10 and now().weekday == 2 and now().day == 2 and now().minute == 30",
    "quota('q', 1, 60) and not quota('q', 1, 60)",
    "(function() local t = { 3, 1, 2 } table.sort(t) return t[1] == 1 and t[3] == 3 end)()",
    "(function() local t = {} for i = 1, 100 do t[i] = i * 37 % 101 end table.sort(t, "
    "function(a, b) return a > b end) for i = 2, 100 do if t[i] > t[i - 1] then return false end "
    "end return true end)()",
    "(function() local t = { 1, 2 } table.insert(t, 1, 0) table.insert(t, 3) return #t == 4 and "
    "t[1] == 0 and table.remove(t, 1) == 0 and table.remove(t) == 3 and #t == 2 end)()",
    "pcall(string.find, 'a', '[a') == false and pcall(string.find, 'a', '%') == false",
    "pcall(string.rep, 'a', 1e6) == false and pcall(cidr.has, 'x', '1.1.1.1') == false",
    "math.floor(1.5) == 1 and math.random == nil",
};

Test(text, every_truth_holds)
{
    struct policy_host *host = host_new();
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
        char text[600];
        snprintf(text, sizeof(text), "assert(%s)", truths[i]);
        const char *wrong = host_load(host, text);
        cr_expect_str_eq(wrong, "", "%s: %s", truths[i], wrong);
    }
    policy_host_free(&host);
}

/* What is not there must not be reached by any way either. */
Test(text, nothing_reaches_out)
{
    static const char *const names[] = {
        "io",       "os",         "package",  "debug",          "jit",
        "ffi",      "require",    "module",   "load",           "dofile",
        "loadfile", "loadstring", "rawset",   "rawget",         "setfenv",
        "getfenv",  "_G",         "newproxy", "collectgarbage", "coroutine",
        "print",    "xpcall",     "bit"};
    struct policy_host *host = host_new();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[100];
        snprintf(text, sizeof(text), "local x = %s", names[i]);
        cr_expect(slice_contains(slice_of(host_load(host, text)), "unknown global"), "%s",
                  names[i]);
    }
    expect_text(host_load(host, "assert(string.dump == nil and getmetatable('') == false)"), "");
    expect_text(host_load(host, "assert(not pcall(setmetatable, '', {}))"), "");
    policy_host_free(&host);
}
