/* Response heads: any bytes parse or are refused; what passes reads back the same once rewritten. */
#include "proxy/http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct response_head head, again;
    static const char *const methods[] = {"GET", "HEAD", "CONNECT", "POST"};
    struct failure failure = {0};
    if (size == 0) {
        return 0;
    }
    struct slice method = slice_of(methods[data[0] & 3]);
    struct slice bytes = slice_make((const char *)data + 1, size - 1);
    ssize_t length = response_head_parse(&head, bytes, method, &failure);
    must(length < (ssize_t)size);
    if (length <= 0) {
        must(length == 0 || failure.kind != FAILURE_NONE);
        return 0;
    }
    must(head.status >= 100 && head.status <= 599);
    if (head.minor_version == 1) {
        struct buffer out;
        buffer_init(&out, 2 * HEAD_MAX_BYTES);
        response_head_write(&out, head.status, head.reason, &head.headers);
        must(response_head_parse(&again, buffer_slice(&out), method, &failure) ==
             (ssize_t)out.length);
        must(again.framing == head.framing && again.status == head.status);
        must(again.keep_alive == head.keep_alive);
        buffer_deinit(&out);
    }
    return 0;
}
