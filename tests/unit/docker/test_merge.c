#include "proxy/docker/merge.h"
#include "proxy/json.h"

#include <criterion/criterion.h>

typedef struct value *(*merge_fn)(struct arena *arena, const struct merge_body *bodies,
                                  size_t count);

/* Merges up to three bodies of nodes n1, n2, n3 and compares the JSON text. */
static void expect(merge_fn merge, const char *one, const char *two, const char *three,
                   const char *wanted)
{
    const char *texts[] = {one, two, three};
    static const struct slice node_names[] = {SLICE_INIT("n1"), SLICE_INIT("n2"), SLICE_INIT("n3")};
    static const struct slice ids[] = {SLICE_INIT("E1"), SLICE_INIT("E2"), SLICE_INIT("E3")};
    struct merge_body bodies[3] = {0};
    struct arena *arena = arena_new();
    struct slice text;
    size_t count = three ? 3 : 2;

    for (size_t i = 0; i < count; i++) {
        bodies[i].node = node_names[i];
        bodies[i].node_id = ids[i];
        bodies[i].body = texts[i] ? json_parse(arena, slice_of(texts[i]), NULL) : NULL;
    }
    text = json_text(arena, merge(arena, bodies, count));
    cr_expect(slice_is(text, wanted), "got    " SLICE_FMT "\nwanted %s", SLICE_ARG(text), wanted);
    arena_free(&arena);
}

Test(merge_images, one_row_an_id_with_all_tags_and_holders)
{
    expect(merge_images,
           "[{\"Id\":\"sha256:a\",\"RepoTags\":[\"x:1\"],\"RepoDigests\":[],\"Created\":5,"
           "\"Containers\":-1}]",
           "[{\"Id\":\"sha256:b\",\"RepoTags\":[\"y:1\"],\"RepoDigests\":[],\"Created\":9,"
           "\"Containers\":-1},"
           "{\"Id\":\"sha256:a\",\"RepoTags\":[\"x:1\",\"x:2\"],\"RepoDigests\":[\"x@d\"],"
           "\"Created\":5,\"Containers\":-1}]",
           NULL,
           "[{\"Id\":\"sha256:b\",\"RepoTags\":[\"y:1\"],\"RepoDigests\":[],\"Created\":9,"
           "\"Containers\":-1,\"Nodes\":[\"n2\"]},"
           "{\"Id\":\"sha256:a\",\"RepoTags\":[\"x:1\",\"x:2\"],\"RepoDigests\":[\"x@d\"],"
           "\"Created\":5,\"Containers\":-1,\"Nodes\":[\"n1\",\"n2\"]}]");
}

Test(merge_images, counts_sum_and_unknown_stays_unknown)
{
    expect(merge_images, "[{\"Id\":\"sha256:a\",\"Containers\":2}]",
           "[{\"Id\":\"sha256:a\",\"Containers\":-1}]", "[{\"Id\":\"sha256:a\",\"Containers\":3}]",
           "[{\"Id\":\"sha256:a\",\"Containers\":5,\"Nodes\":[\"n1\",\"n2\",\"n3\"]}]");
}

Test(merge_images, no_tag_gives_way_to_a_tag)
{
    expect(merge_images, "[{\"Id\":\"sha256:a\",\"RepoTags\":[\"<none>:<none>\"]}]",
           "[{\"Id\":\"sha256:a\",\"RepoTags\":[\"x:1\"]}]", NULL,
           "[{\"Id\":\"sha256:a\",\"RepoTags\":[\"x:1\"],\"Nodes\":[\"n1\",\"n2\"]}]");
    expect(merge_images, "[{\"Id\":\"sha256:a\",\"RepoTags\":null}]",
           "[{\"Id\":\"sha256:a\",\"RepoTags\":[\"x:1\"]}]", NULL,
           "[{\"Id\":\"sha256:a\",\"RepoTags\":[\"x:1\"],\"Nodes\":[\"n1\",\"n2\"]}]");
    expect(merge_images, "[{\"Id\":\"sha256:a\",\"RepoTags\":null}]",
           "[{\"Id\":\"sha256:a\",\"RepoTags\":null}]", NULL,
           "[{\"Id\":\"sha256:a\",\"RepoTags\":null,\"Nodes\":[\"n1\",\"n2\"]}]");
}

Test(merge_images, podman_ids_and_bad_bodies_are_taken_as_they_come)
{
    expect(merge_images, "[{\"Id\":\"a\"},7,null]", "{\"message\":\"x\"}",
           "[{\"Id\":\"sha256:a\"}]", "[{\"Id\":\"sha256:a\",\"Nodes\":[\"n1\",\"n3\"]}]");
}

Test(merge_networks, predefined_once_with_all_containers)
{
    expect(merge_networks,
           "[{\"Name\":\"bridge\",\"Id\":\"1\",\"Scope\":\"local\",\"Containers\":{\"c1\":{}}}]",
           "[{\"Name\":\"bridge\",\"Id\":\"2\",\"Scope\":\"local\",\"Containers\":{\"c2\":{}}}]",
           NULL,
           "[{\"Name\":\"bridge\",\"Id\":\"1\",\"Scope\":\"local\","
           "\"Containers\":{\"c1\":{},\"c2\":{}}}]");
}

Test(merge_networks, local_duplicates_are_told_apart)
{
    expect(merge_networks, "[{\"Name\":\"net\",\"Id\":\"1\",\"Scope\":\"local\"}]",
           "[{\"Name\":\"net\",\"Id\":\"2\",\"Scope\":\"local\"},"
           "{\"Name\":\"app\",\"Id\":\"3\",\"Scope\":\"local\"}]",
           NULL,
           "[{\"Name\":\"app\",\"Id\":\"3\",\"Scope\":\"local\","
           "\"Node\":{\"ID\":\"E2\",\"Name\":\"n2\"}},"
           "{\"Name\":\"n1/net\",\"Id\":\"1\",\"Scope\":\"local\","
           "\"Node\":{\"ID\":\"E1\",\"Name\":\"n1\"}},"
           "{\"Name\":\"n2/net\",\"Id\":\"2\",\"Scope\":\"local\","
           "\"Node\":{\"ID\":\"E2\",\"Name\":\"n2\"}}]");
}

Test(merge_networks, wide_ones_once_by_id)
{
    expect(merge_networks, "[{\"Name\":\"o\",\"Id\":\"1\",\"Scope\":\"global\"}]",
           "[{\"Name\":\"o\",\"Id\":\"1\",\"Scope\":\"global\"}]", NULL,
           "[{\"Name\":\"o\",\"Id\":\"1\",\"Scope\":\"global\"}]");
}

Test(merge_volumes, names_and_warnings)
{
    expect(
        merge_volumes,
        "{\"Volumes\":[{\"Name\":\"v\",\"Scope\":\"local\"},{\"Name\":\"g\",\"Scope\":\"global\"}],"
        "\"Warnings\":[\"w\"]}",
        "{\"Volumes\":[{\"Name\":\"v\",\"Scope\":\"local\"},{\"Name\":\"g\",\"Scope\":\"global\"}],"
        "\"Warnings\":[\"w\"]}",
        NULL,
        "{\"Volumes\":[{\"Name\":\"g\",\"Scope\":\"global\"},"
        "{\"Name\":\"n1/v\",\"Scope\":\"local\",\"Node\":{\"ID\":\"E1\",\"Name\":\"n1\"}},"
        "{\"Name\":\"n2/v\",\"Scope\":\"local\",\"Node\":{\"ID\":\"E2\",\"Name\":\"n2\"}}],"
        "\"Warnings\":[\"w\"]}");
    expect(merge_volumes, "{\"Volumes\":null,\"Warnings\":null}", NULL, NULL,
           "{\"Volumes\":[],\"Warnings\":null}");
}

Test(merge_plugins, enabled_only_where_all_are)
{
    expect(merge_plugins, "[{\"Name\":\"p\",\"Enabled\":true},{\"Name\":\"q\",\"Enabled\":true}]",
           "[{\"Name\":\"p\",\"Enabled\":false}]", NULL,
           "[{\"Name\":\"p\",\"Enabled\":false},{\"Name\":\"q\",\"Enabled\":true}]");
}

Test(merge_df, sums_and_joins)
{
    expect(merge_df,
           "{\"LayersSize\":10,\"Images\":[{\"Id\":\"sha256:a\",\"Containers\":1}],"
           "\"Containers\":[{\"Id\":\"c1\"}],\"Volumes\":[{\"Name\":\"v\",\"Scope\":\"local\"}],"
           "\"BuildCache\":null,\"BuilderSize\":1}",
           "{\"LayersSize\":5,\"Images\":[{\"Id\":\"sha256:a\",\"Containers\":1}],"
           "\"Containers\":[{\"Id\":\"c2\"}],\"Volumes\":[],\"BuildCache\":[{\"ID\":\"b\"}],"
           "\"BuilderSize\":2}",
           NULL,
           "{\"LayersSize\":15,\"Images\":[{\"Id\":\"sha256:a\",\"Containers\":2,"
           "\"Nodes\":[\"n1\",\"n2\"]}],\"Containers\":[{\"Id\":\"c1\"},{\"Id\":\"c2\"}],"
           "\"Volumes\":[{\"Name\":\"v\",\"Scope\":\"local\",\"Node\":{\"ID\":\"E1\","
           "\"Name\":\"n1\"}}],\"BuildCache\":[{\"ID\":\"b\"}],\"BuilderSize\":3}");
}

Test(merge_df, usage_objects_of_newer_versions)
{
    expect(merge_df,
           "{\"ContainerUsage\":{\"ActiveCount\":1,\"TotalCount\":2,\"Reclaimable\":3,"
           "\"TotalSize\":4,\"Items\":[{\"Id\":\"c1\"}]}}",
           "{\"ContainerUsage\":{\"ActiveCount\":1,\"TotalCount\":1,\"TotalSize\":1}}", NULL,
           "{\"ContainerUsage\":{\"ActiveCount\":2,\"TotalCount\":3,\"Reclaimable\":3,"
           "\"TotalSize\":5,\"Items\":[{\"Id\":\"c1\"}]}}");
}

Test(merge_prune, joins_and_sums)
{
    expect(merge_prune, "{\"ImagesDeleted\":[{\"Deleted\":\"a\"}],\"SpaceReclaimed\":3}",
           "{\"ImagesDeleted\":[{\"Deleted\":\"a\"},{\"Deleted\":\"b\"}],\"SpaceReclaimed\":4}",
           NULL,
           "{\"ImagesDeleted\":[{\"Deleted\":\"a\"},{\"Deleted\":\"b\"}],\"SpaceReclaimed\":7}");
    expect(merge_prune, "{\"NetworksDeleted\":null}", "{\"NetworksDeleted\":null}", NULL,
           "{\"NetworksDeleted\":null}");
}

Test(merge_rows, equal_rows_once)
{
    expect(merge_rows, "[{\"Untagged\":\"x\"},{\"Deleted\":\"a\"}]", "[{\"Deleted\":\"a\"}]", NULL,
           "[{\"Untagged\":\"x\"},{\"Deleted\":\"a\"}]");
}

Test(merge_networks, rows_of_another_kind_are_left_out)
{
    expect(merge_networks, "[7,null,[],{\"Name\":\"bridge\",\"Containers\":[]}]",
           "[{\"Name\":\"bridge\",\"Containers\":{\"c\":{}}}]", NULL,
           "[{\"Name\":\"bridge\",\"Containers\":{\"c\":{}}}]");
    expect(merge_volumes, "{\"Volumes\":[1]}", "{\"Volumes\":7}", NULL,
           "{\"Volumes\":[],\"Warnings\":null}");
    expect(merge_plugins, "[1]", "\"x\"", NULL, "[]");
}
