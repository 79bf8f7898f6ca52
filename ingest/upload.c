/* ingest/upload.c - see ingest/upload.h. A put whose answer is unknown is done again under a new
 * name: names are drawn once and used once. */
#include "ingest/upload.h"
#include <unistd.h>

bool weir_upload_put(weir_catalog *catalog, weir_table *table, const weir_clock *clock,
                     weir_arena *arena, weir_upload *upload, weir_error *err)
{
    weir_store *store = weir_catalog_store(catalog);
    weir_log_state *state = weir_table_state(table);
    weir_str id = weir_segment_id_new(arena, weir_log_version(state), clock);
    weir_log_state_unref(state);
    weir_put put = store->ops->put_file(store, weir_key_segment(arena, weir_table_name(table), id),
                                        upload->path, err);
    switch (put) {
    case WEIR_PUT_DONE:
        upload->id = id;
        return true;
    case WEIR_PUT_EXISTS:
        return weir_fail(err, WEIR_ERR_STORE, "segment %.*s exists already", WEIR_STR_ARG(id));
    case WEIR_PUT_UNKNOWN:
    case WEIR_PUT_FAILED:
        break;
    }
    return false;
}

void weir_upload_add(const weir_upload *upload, weir_commit *commit)
{
    weir_added added = {.id = upload->id,
                        .from_ms = upload->interval.start_ms,
                        .to_ms = upload->interval.end_ms,
                        .rows = upload->info.rows,
                        .events = upload->events,
                        .bytes = upload->info.bytes,
                        .footer_bytes = upload->info.footer_bytes,
                        .footer_xxh3 = upload->info.footer_xxh3};
    weir_commit_add_segment(commit, &added);
}

void weir_upload_adopt(weir_table *table, const weir_upload *upload)
{
    weir_table_adopt_file(table, upload->id, upload->path);
}

void weir_upload_drop(const weir_upload *upload)
{
    unlink(upload->path);
}
