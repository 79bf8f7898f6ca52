/* ingest/decode.h - bytes of a message to cells of a batch. One decoder per thread. Messages are hostile. */
#ifndef INGEST_DECODE_H
#define INGEST_DECODE_H
#include "ingest/events.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_DECODE_PADDING 64u /* bytes that may be read past a `padded` message */
#define WEIR_VALUE_MAX (1u << 20) /* bytes of one string: a longer one makes its event unparseable */

typedef struct weir_decoder weir_decoder;
typedef struct weir_decoder_ops {
    /* Adds the message's events (usually one) to `events` as record number `record`. The message's bytes must outlive the batch. Stops with *full when the batch is full before
     * the message's end: none of it was added, use it in the next batch; a message of more than 4,096 events fails. False: it could not be parsed, none of it was added. */
    bool (*decode)(weir_decoder *decoder, weir_str message, bool padded, uint32_t record, weir_events *events, bool *full, weir_error *err);
    void (*free)(weir_decoder *decoder);
} weir_decoder_ops;
struct weir_decoder {
    const weir_decoder_ops *ops;
};
/* JSON objects, one or several in a message. Borrows `fields`, which grows by discovery. */
weir_decoder *weir_decoder_json_new(weir_fields *fields);

static inline void weir_decoder_free(weir_decoder *decoder)
{
    if (decoder) {
        decoder->ops->free(decoder);
    }
}

#ifdef __cplusplus
}
#endif
#endif
