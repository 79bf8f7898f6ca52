/* segments/s3_uploads.c - see segments/s3_uploads.h. */
#include "segments/s3_uploads.h"
#include "weir/buf.h"
#include <expat.h>

typedef struct reading {
    weir_arena *arena;
    weir_s3_uploads *out;
    size_t room;
    weir_str key, id; /* of the upload at hand */
    bool in_upload, is_list;
    weir_buf text; /* of the element at hand */
} reading;

static void see_start(void *self, const char *name, const char **attributes)
{
    reading *r = self;
    (void)attributes;
    r->text.size = 0;
    r->is_list = r->is_list || strcmp(name, "ListMultipartUploadsResult") == 0;
    if (strcmp(name, "Upload") == 0) {
        r->in_upload = true;
        r->key = r->id = (weir_str){0};
    }
}

static void see_text(void *self, const char *text, int size)
{
    weir_buf_put(&((reading *)self)->text, text, (size_t)size);
}

static void add_upload(reading *r)
{
    weir_s3_uploads *out = r->out;
    if (out->count == r->room) {
        weir_s3_upload *old = out->uploads;
        r->room = r->room ? r->room * 2 : 16;
        out->uploads = WEIR_ARENA_ARRAY(r->arena, weir_s3_upload, r->room);
        if (out->count > 0) {
            memcpy(out->uploads, old, out->count * sizeof(*old));
        }
    }
    out->uploads[out->count++] = (weir_s3_upload){r->key, r->id};
}

static void see_end(void *self, const char *name)
{
    reading *r = self;
    weir_str text = weir_buf_view(&r->text);
    if (r->in_upload && strcmp(name, "Key") == 0) {
        r->key = weir_arena_str(r->arena, text);
    } else if (r->in_upload && strcmp(name, "UploadId") == 0) {
        r->id = weir_arena_str(r->arena, text);
    } else if (strcmp(name, "Upload") == 0) {
        r->in_upload = false;
        if (r->key.size > 0 && r->id.size > 0) {
            add_upload(r);
        }
    } else if (!r->in_upload && strcmp(name, "IsTruncated") == 0) {
        r->out->more = weir_str_is(text, "true");
    } else if (!r->in_upload && strcmp(name, "NextKeyMarker") == 0) {
        r->out->next_key = weir_arena_str(r->arena, text);
    } else if (!r->in_upload && strcmp(name, "NextUploadIdMarker") == 0) {
        r->out->next_id = weir_arena_str(r->arena, text);
    }
    r->text.size = 0;
}

bool weir_s3_uploads_read(weir_str xml, weir_arena *arena, weir_s3_uploads *out)
{
    reading r = {.arena = arena, .out = out};
    *out = (weir_s3_uploads){0};
    XML_Parser parser = XML_ParserCreate(NULL);
    XML_SetUserData(parser, &r);
    XML_SetElementHandler(parser, see_start, see_end);
    XML_SetCharacterDataHandler(parser, see_text);
    bool ok = XML_Parse(parser, xml.at, (int)xml.size, 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    weir_buf_done(&r.text);
    out->more = out->more && out->next_key.size > 0;
    return ok && r.is_list;
}
