/* State: the key is made once and kept. */
#include "agent/state.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

Test(state, makes_a_key_once)
{
    char folder[] = "/tmp/berth-state-XXXXXX";
    struct failure failure = {0};
    struct stat status;
    char *inside, *path, *first, *second;

    cr_assert_not_null(mkdtemp(folder));
    inside = xprintf("%s/agent", folder);
    path = xprintf("%s/node.key", inside);
    first = state_key(inside, &failure);
    cr_assert_not_null(first, "%s", failure.text);
    expect_int(strlen(first), 64);
    second = state_key(inside, &failure);
    expect_text(second, first);
    cr_expect(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    cr_expect(stat(inside, &status) == 0 && (status.st_mode & 0777) == 0700);
    cr_assert(truncate(path, 10) == 0);
    cr_expect_null(state_key(inside, &failure));
    cr_expect(slice_contains(slice_of(failure.text), "is damaged"), "%s", failure.text);
    unlink(path);
    rmdir(inside);
    rmdir(folder);
    free(first);
    free(second);
    free(inside);
    free(path);
}

Test(state, says_what_can_not_be_made)
{
    struct failure failure = {0};

    cr_expect_null(state_key("/proc/no/such", &failure));
    cr_expect(slice_contains(slice_of(failure.text), "/proc/no/such"), "%s", failure.text);
}
