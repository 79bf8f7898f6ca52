/* segments/s3_uploads.h - what an S3 server says of uploads in parts that were begun and not ended. Pure; the answer is hostile. */
#ifndef SEGMENTS_S3_UPLOADS_H
#define SEGMENTS_S3_UPLOADS_H
#include "weir/arena.h"

typedef struct weir_s3_upload {
    weir_str key, id;
} weir_s3_upload;
typedef struct weir_s3_uploads { /* one page of ListMultipartUploads */
    size_t count;
    weir_s3_upload *uploads;
    bool more;
    weir_str next_key, next_id; /* with `more`: where the next page begins */
} weir_s3_uploads;
/* False: it is no such list. */
bool weir_s3_uploads_read(weir_str xml, weir_arena *arena, weir_s3_uploads *out);
#endif
