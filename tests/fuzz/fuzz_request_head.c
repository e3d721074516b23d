/* Request heads: any bytes parse or are refused; what passes reads back the same once rewritten. */
#include "proxy/http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request_head head, again;
    struct failure failure = {0};
    struct slice bytes = slice_make((const char *)data, size);
    ssize_t length = request_head_parse(&head, bytes, &failure);
    must(length <= (ssize_t)size);
    if (length <= 0) {
        must(length == 0 || failure.kind != FAILURE_NONE);
        return 0;
    }
    must(head_complete(slice_cut(bytes, 0, (size_t)length), 0));
    must(head.target.at[0] == '/');

    struct buffer out;
    buffer_init(&out, 2 * HEAD_MAX_BYTES);
    request_head_write(&out, head.method, head.target, &head.headers);
    /* The writer speaks 1.1, where 1.0's rules for Host and Connection are other ones. */
    if (head.minor_version == 1) {
        must(request_head_parse(&again, buffer_slice(&out), &failure) == (ssize_t)out.length);
        must(again.framing == head.framing && again.content_length == head.content_length);
        must(slice_equal(again.target, head.target));
        must(again.headers.count == head.headers.count);
    }
    buffer_deinit(&out);
    headers_drop_hop_by_hop(&head.headers);
    must(!headers_find(&head.headers, "transfer-encoding").at);
    must(!headers_find(&head.headers, "content-length").at);
    must(!headers_find(&head.headers, "connection").at);
    return 0;
}
