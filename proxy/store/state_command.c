/* State command: copies of what a manager keeps, made while it runs, put back while it does not. */
#include "proxy/store/state_command.h"

#include "proxy/store/store.h"

#include <stdio.h>
#include <string.h>

static int usage(void)
{
    fprintf(stderr, "usage: berthd state backup  --state DIR FILE    (also while berthd runs)\n"
                    "       berthd state restore --state DIR FILE    (while it does not)\n");
    return 2;
}

int state_command(int argc, char *const *argv)
{
    struct failure failure;
    bool restore;
    int result;

    if (argc != 5 || strcmp(argv[2], "--state") != 0)
        return usage();
    restore = strcmp(argv[1], "restore") == 0;
    if (!restore && strcmp(argv[1], "backup") != 0)
        return usage();
    result = restore ? store_restore(argv[3], argv[4], &failure)
                     : store_backup(argv[3], argv[4], &failure);
    if (result != 0) {
        fprintf(stderr, "berthd: %s\n", failure.text);
        return 1;
    }
    printf("%s %s\n", restore ? "restored from" : "saved to", argv[4]);
    return 0;
}
