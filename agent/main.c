/* Main: berth-agent, one per node. */
#include "agent/agent.h"
#include "agent/gate.h"
#include "proxy/log.h"
#include "proxy/version.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct agent_options options;
    struct failure failure = {0};
    enum log_level level = LOG_LEVEL_INFO;
    struct buffer help;
    int status;

    log_set_program("berth-agent");
    if (argc == 5 && strcmp(argv[1], "gate") == 0) { /* started by gate_keeper.c */
        log_set_program("berth-gate");
        return gate_run(&(struct gate_options){argv[2], argv[3], argv[4]});
    }
    if (agent_options_parse(&options, argc, argv, &failure) != 0) {
        fprintf(stderr, "berth-agent: %s\nSee berth-agent --help.\n", failure.text);
        status = 2;
    } else if (options.help) {
        buffer_init(&help, 64 * 1024);
        agent_options_help(&help);
        fputs(help.at, stdout);
        buffer_deinit(&help);
        status = 0;
    } else if (options.version) {
        puts("berth-agent version " BERTH_VERSION);
        status = 0;
    } else if (options.log_level && log_level_parse(&level, options.log_level) != 0) {
        fprintf(stderr,
                "berth-agent: --log-level: \"%s\" is not one of error, warning, info, debug\n",
                options.log_level);
        status = 2;
    } else {
        log_set_level(level);
        status = agent_run(&options);
    }
    agent_options_deinit(&options);
    return status;
}
